#pragma once

/// Many requests through one engine, a bounded number at a time.

#include <cstdint>
#include <optional>

#include "engine/engine_loop.h"
#include "engine/generation_result.h"
#include "jobs/interrupt.h"

namespace ernie {

/// A row of a job: which one, and what to generate for it.
struct JobRequest {
  int64_t row = 0;
  GenerationRequest request;
};

/// Where requests come from and results go to. Its functions are called on the thread of run_job();
/// only on_token of its requests comes on the engine's.
class GenerationJob {
 public:
  virtual ~GenerationJob() = default;
  /// The next request; nothing at the end, and as long as it must wait for results of others. A
  /// job that says nothing while none of its requests is under way has ended. Error: the job cannot
  /// go on.
  virtual Result<std::optional<JobRequest>> next() = 0;
  /// What became of a row. An error is one of the request; to return one ends the job.
  virtual Result<void> finished(int64_t row, Result<GenerationResult> result) = 0;
  /// Several times a second, with the number of tokens since the last time.
  virtual void progressed(int64_t num_new_tokens) = 0;
};

/// Runs a job to its end, or until `interrupt` is raised: then what is under way is cancelled and
/// kCancelled returned. At most `window` requests are under way at a time; the loop must take so
/// many. If the engine fails, its error ends the job, and the rows it took along are not reported.
/// Whatever is returned, no request of the job is under way any more.
Result<void> run_job(EngineLoop& loop, GenerationJob& job, size_t window,
                     const Interrupt& interrupt);

/// The number of requests to keep under way: enough that the engine never waits for the next.
size_t request_window(const EngineLoop& loop);

}  // namespace ernie
