#pragma once

/// Requests against a server, as many at once or as often as asked for, and when what came back.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/api_client.h"

namespace ernie::bench {

struct ServingOptions {
  ServerAddress server;
  std::string endpoint = "/v1/completions";
  std::string model;       ///< empty: the first that the server names
  int64_t vocab_size = 0;  ///< of random prompts; 0: what the server says, else 30,000
  int64_t num_prompts = 100;
  int64_t input_len = 128, output_len = 64;  ///< tokens
  int64_t prefix_len = 0;                    ///< of the prompt's tokens: the same in all requests
  double request_rate = 0;      ///< a second, as a Poisson process; 0: as fast as they are taken
  int64_t max_concurrency = 0;  ///< requests under way at a time; 0: no limit
  int64_t num_warmups = 1;      ///< requests before the measured ones
  bool ignore_eos = true;
  double temperature = 0;
  uint64_t seed = 0;
  double ttft_goal_s = 0, tpot_goal_s = 0;  ///< a request is good if it reaches them; 0: none
  int64_t timeout_s = 3600;                 ///< of a request
};

/// One request as its client saw it. Seconds since the first one was due.
struct ServedRequest {
  double due_s = 0, sent_s = 0, end_s = 0;
  std::vector<double> chunk_s;  ///< when each piece of its answer came
  int64_t num_prompt_tokens = 0, num_output_tokens = 0, num_cached_tokens = 0;
  std::string error;  ///< empty: it was answered

  bool ok() const { return error.empty() && !chunk_s.empty(); }
  double first_token_s() const { return chunk_s.front() - sent_s; }
  double total_s() const { return end_s - sent_s; }
  /// Mean time of the tokens behind the first; 0 with fewer than two.
  double per_token_s() const;
};

struct ServingRun {
  ServingOptions options;
  std::string model;
  std::vector<ServedRequest> requests;
  double duration_s = 0;
  double client_processor_s = 0;  ///< of this process, during the run
};

/// Error: the server cannot be reached, or refused the first request.
Result<ServingRun> run_serving_load(const ServingOptions& options);

bool reaches_goals(const ServedRequest& request, const ServingOptions& options);

/// Requests that failed, by what was said.
std::map<std::string, int64_t> count_errors(const ServingRun& run);

}  // namespace ernie::bench
