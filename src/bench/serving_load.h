#pragma once

/// Requests against a server, as many at once or as often as asked for, and when what came back.

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/api_client.h"

namespace ernie::bench {

struct ServingOptions {
  ServerAddress server;
  bool is_chat = false;  ///< conversations of words in place of token ids
  std::string endpoint = "/v1/completions";
  std::string model;               ///< empty: the first that the server names
  boost::json::object extra_body;  ///< members that every request has besides; they replace ours
  int64_t vocab_size = 0;          ///< of random prompts; 0: what the server says, else 30,000
  int64_t num_prompts = 100;
  int64_t prefix_len = 0;                    ///< tokens before the others: the same in all requests
  int64_t input_len = 128, output_len = 64;  ///< tokens
  double range_ratio = 0;       ///< lengths are drawn from len * (1 - this) to len * (1 + this)
  double request_rate = 0;      ///< a second; 0: as fast as they are taken
  double burstiness = 1;        ///< shape of the times between requests; 1: a Poisson process
  int64_t max_concurrency = 0;  ///< requests under way at a time; 0: no limit
  int64_t num_warmups = 1;      ///< requests before the measured ones
  bool ignore_eos = true;
  double temperature = 0;
  uint64_t seed = 0;
  /// A request is good if it reaches them; 0: none.
  double ttft_goal_s = 0, tpot_goal_s = 0, e2el_goal_s = 0;
  std::vector<double> percentiles{50, 95, 99};  ///< that tables show
  int64_t timeout_s = 3600;                     ///< of a request
  int64_t ready_timeout_s = 0;                  ///< how long the server may take to answer at all
};

/// One request as its client saw it. Seconds since the first one was due.
struct ServedRequest {
  double due_s = 0, sent_s = 0, end_s = 0;
  std::vector<double> chunk_s;  ///< when each piece of its answer came
  int64_t num_prompt_tokens = 0, num_cached_tokens = 0;
  int64_t num_output_tokens = 0;  ///< pieces, if the server does not count
  bool is_finished = false;       ///< not cut off by an interrupt
  std::string error;              ///< empty: it was answered

  bool ok() const { return error.empty() && !chunk_s.empty(); }
  double first_token_s() const { return chunk_s.front() - sent_s; }
  double total_s() const { return end_s - sent_s; }
  /// Mean time of the tokens behind the first; 0 with fewer than two.
  double per_token_s() const;
};

struct ServingRun {
  ServingOptions options;
  std::string model;
  std::vector<ServedRequest> requests;  ///< those that ended, well or not
  bool was_interrupted = false;         ///< then there are fewer than asked for
  double duration_s = 0;
  double client_processor_s = 0;  ///< of this process, during the run
};

/// Both are called several times a second, on the thread of run_serving_load().
struct ServingHooks {
  std::function<bool()> should_stop;
  std::function<void(int64_t num_done)> progress;
};

/// Error: the server cannot be reached, or refused the first request; kCancelled if it was stopped
/// before the first measured request.
Result<ServingRun> run_serving_load(const ServingOptions& options, const ServingHooks& hooks);

bool reaches_goals(const ServedRequest& request, const ServingOptions& options);

/// Requests that failed, by what was said.
std::map<std::string, int64_t> count_errors(const ServingRun& run);

}  // namespace ernie::bench
