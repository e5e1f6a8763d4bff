#include <spdlog/spdlog.h>

#include <memory>

#include "base/file_handle.h"
#include "base/output_check.h"
#include "cli/client_flags.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/flag_group.h"
#include "jobs/batch_files.h"
#include "jobs/batch_job.h"
#include "jobs/receipt_writer.h"
#include "jobs/server_batch_job.h"

namespace ernie {
namespace {

struct RunBatchFlags {
  EngineFlags engine;
  BatchOptions job;
  bool receipts = false;
  ClientFlags client;
  ServerBatchOptions server_job;
};

void add_batch_flags(CLI::App& app, RunBatchFlags& flags) {
  BatchOptions& job = flags.job;
  app.add_option("-i,--input-file", job.input,
                 "Requests in the OpenAI batch format, a JSON object "
                 "per line")
      ->type_name("FILE")
      ->required();
  app.add_option("-o,--output-file", job.output,
                 "Results in the input's order; while the job runs they are in FILE.journal, from "
                 "which the same command goes on")
      ->type_name("FILE")
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

void add_server_flags(CLI::App& app, RunBatchFlags& flags) {
  const FlagGroup group(app, "Server");
  add_client_flags(app, flags.client,
                   "Send the requests to this server with the OpenAI API (default: a model here)");
  CLI::Option* url = app.get_option("--url");
  for (const char* local : {"--model", "--receipts", "--served-model-name"}) {
    url->excludes(app.get_option(local));
  }
  ServerBatchOptions& job = flags.server_job;
  app.add_option("--max-concurrency", job.max_concurrency, "With --url: requests at a time")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  app.add_option("--max-retries", job.max_retries,
                 "With --url: further attempts for a row, after 429, 502, 503, 504 or a lost "
                 "connection, waiting as Retry-After says or longer each time")
      ->check(CLI::Range(int64_t{0}, int64_t{1000}))
      ->capture_default_str();
  app.add_option("--timeout", job.timeout_s, "With --url: seconds for a request")
      ->check(CLI::Range(int64_t{1}, int64_t{10'000'000}))
      ->capture_default_str();
}

/// A name mistyped should not cost the time to load a model.
Result<void> check_files(const RunBatchFlags& flags) {
  const std::string& output = flags.job.output;
  if (output == "-") {
    return Error{ErrorCode::kInvalidArgument,
                 "--output-file: got -, expected a file: a job goes on from what is beside it"};
  }
  ERNIE_TRY_VOID(FileHandle::open_regular(flags.job.input));
  ERNIE_TRY_VOID(check_outputs({flags.job.input, flags.engine.model, flags.engine.tokenizer},
                               {output, journal_path(output), manifest_path(output)}));
  return check_replaceable(output);
}

Result<bool> run_batch_on_server(RunBatchFlags& flags, const Interrupt& interrupt) {
  const BatchOptions& job = flags.job;
  flags.server_job.files = {job.input, job.output, job.overwrite, job.restart};
  flags.server_job.quiet = flags.engine.quiet;
  ERNIE_TRY(flags.server_job.server, server_address(flags.client));
  return run_server_batch_job(flags.server_job, interrupt);
}

Result<bool> run_batch(RunBatchFlags& flags, const EngineLoader& loader,
                       const Interrupt& interrupt) {
  flags.job.quiet = flags.engine.quiet;
  flags.job.seed = flags.engine.seed;
  flags.job.max_model_len = flags.engine.engine.max_model_len;
  if (flags.job.max_model_len == 0 && !flags.job.restart) {
    flags.engine.engine.max_model_len = max_model_len_of_journal(flags.job.output);
  }
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
  add_server_flags(app, *flags);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    const Interrupt interrupt;
    ERNIE_TRY_VOID(check_files(*flags));
    const auto done = flags->client.url.empty() ? run_batch(*flags, loader, interrupt)
                                                : run_batch_on_server(*flags, interrupt);
    if (!done && done.error().code == ErrorCode::kCancelled) {
      spdlog::warn("interrupted; the same command goes on from here");
    }
    return exit_code_of(done, interrupt);
  };
}

}  // namespace ernie
