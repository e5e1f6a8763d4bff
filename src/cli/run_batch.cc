#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/file_handle.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "jobs/batch_job.h"

namespace ernie {
namespace {

struct RunBatchFlags {
  EngineFlags engine;
  BatchOptions job;
  bool receipts = false;
};

void add_batch_flags(CLI::App& app, RunBatchFlags& flags) {
  BatchOptions& job = flags.job;
  app.add_option("-i,--input-file", job.input,
                 "Requests in the OpenAI batch format, a JSON object "
                 "per line")
      ->required();
  app.add_option("-o,--output-file", job.output,
                 "Results in the input's order; while the job runs they are in FILE.journal, from "
                 "which the same command goes on")
      ->required();
  app.add_flag("--overwrite", job.overwrite, "Replace an output file that another job made");
  app.add_flag("--restart", job.restart, "Forget what an earlier run of this job left");
  app.add_option("--served-model-name", job.model_names,
                 "Names for `model` in requests; the first stands in responses (default: the "
                 "directory's name)");
  app.add_flag("--skip-model-name-check", job.any_model, "Accept any `model` in requests");
  app.add_flag(
      "--receipts", flags.receipts,
      "Answers hold what `ernie verify receipt` needs to recompute them, in `ernie_receipt`; "
      "the model's digests go to FILE.model.json");
}

Result<bool> run_batch(RunBatchFlags& flags, const EngineLoader& loader,
                       const Interrupt& interrupt) {
  flags.job.quiet = flags.engine.quiet;
  flags.job.seed = flags.engine.seed;
  flags.job.max_model_len = flags.engine.engine.max_model_len;
  if (flags.job.max_model_len == 0 && !flags.job.restart) {
    flags.engine.engine.max_model_len = max_model_len_of_journal(flags.job.output);
  }
  // A name mistyped should not cost the time to load a model.
  ERNIE_TRY_VOID(FileHandle::open(flags.job.input, O_RDONLY));
  ERNIE_TRY(LoadedEngine loaded, loader.open_and_load(flags.engine));
  if (flags.receipts) {
    ERNIE_TRY(flags.job.receipts, prepare_receipts(flags.engine, loaded));
  }
  return run_batch_job(std::move(loaded), flags.job, interrupt);
}

}  // namespace

Command add_run_batch_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<RunBatchFlags>();
  add_batch_flags(app, *flags);
  add_engine_flags(app, flags->engine);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    const Interrupt interrupt;
    const auto done = run_batch(*flags, loader, interrupt);
    if (!done && done.error().code == ErrorCode::kCancelled) {
      spdlog::warn("interrupted; the same command goes on from here");
    }
    return exit_code_of(done, interrupt);
  };
}

}  // namespace ernie
