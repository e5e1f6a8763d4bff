#pragma once

/// Many requests at once, all known at the beginning.

#include "bench/latency.h"

namespace ernie::bench {

struct RequestTimes {
  int64_t num_prompt_tokens = 0, num_output_tokens = 0;
  double first_token_s = 0, total_s = 0;  ///< since all were queued
};

struct ThroughputStep {
  double end_s = 0;        ///< since all were queued
  int64_t num_tokens = 0;  ///< new ones: sequences that got one
};

struct ThroughputRun {
  std::string source;  ///< of the requests: a file's name, or "random"
  ModelFacts facts;
  MachineLimits limits;
  std::vector<RequestTimes> requests;  ///< in the order they finished
  std::vector<ThroughputStep> steps;
  double elapsed_s = 0;
  LimitTime limit;  ///< of elapsed_s: see run_throughput()
  std::optional<double> joules;
  bool has_energy = false;
  ProcessMemory last_memory;
};

/// Submits every request at once and waits until all have ended. The limit is the longer of two
/// times: all arithmetic at the peak, and in each of the steps that were made the weights of a step
/// of average size and all keys and values read at memory speed. Limits are measured last. Error: a
/// request that the engine refuses, named by its index, or memory.
Result<void> run_throughput(std::unique_ptr<Engine> engine, std::vector<GenerationRequest> requests,
                            int num_threads, double limits_seconds, ThroughputRun& run);

/// What a run comes to.
struct ThroughputFigures {
  int64_t num_prompt_tokens = 0, num_output_tokens = 0;
  double requests_per_s = 0;
  double input_tokens_per_s = 0, output_tokens_per_s = 0, total_tokens_per_s = 0;
  double sequences_per_step = 0;               ///< that got a token, the mean over the time
  std::vector<double> first_token_s, total_s;  ///< of each request
  std::vector<double> per_token_s;  ///< mean time between tokens of each request with several
};
ThroughputFigures throughput_figures(const ThroughputRun& run);

}  // namespace ernie::bench
