#pragma once

/// Many requests through one engine, a bounded number at a time.

#include <cstdint>
#include <optional>

#include "engine/engine.h"
#include "engine/generation_result.h"
#include "jobs/interrupt.h"

namespace ernie {

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
