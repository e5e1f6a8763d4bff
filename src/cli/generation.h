#pragma once

/// Many requests through one engine, a bounded number at a time.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/interrupt.h"
#include "engine/engine.h"

namespace ernie {

/// All that one request gave.
struct GenerationResult {
  std::string text;
  std::vector<TokenId> token_ids;
  std::vector<TokenLogprob> logprobs;
  std::vector<TokenLogprob> prompt_logprobs;
  FinishReason finish_reason = FinishReason::kAbort;
  std::string stop_reason;
  std::string error;  ///< with kError
  int64_t num_prompt_tokens = 0;
  int64_t num_output_tokens = 0;
  RequestTimings timings;

  /// Adds the news of one step; true if they were the last.
  bool append(RequestOutput output);
};
/// The result itself, or kIo if the engine could not finish it.
Result<GenerationResult> checked(GenerationResult result);

/// A row of a job: which one, and what to generate for it.
struct JobRequest {
  int64_t row = 0;
  GenerationRequest request;
};

/// Where requests come from and results go to. One thread calls all functions.
class GenerationJob {
 public:
  virtual ~GenerationJob() = default;
  /// The next request; nothing at the end, and as long as it must wait for results of others. A
  /// job that says nothing while none of its requests is under way has ended. Error: the job cannot
  /// go on.
  virtual Result<std::optional<JobRequest>> next() = 0;
  /// What became of a row. An error is one of the request; to return one ends the job.
  virtual Result<void> finished(int64_t row, Result<GenerationResult> result) = 0;
  /// After each step, with the number of tokens it gave.
  virtual void stepped(int64_t num_new_tokens) = 0;
};

/// Runs a job to its end, or until `interrupt` is raised: then what is under way is aborted and
/// kCancelled returned. At most `window` requests are in the engine at a time.
Result<void> run_job(Engine& engine, GenerationJob& job, size_t window, const Interrupt& interrupt);

/// The number of requests to keep in the engine: enough that it never waits for the next.
size_t request_window(const Engine& engine);

}  // namespace ernie
