#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>

#include "api/receipt_json.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/receipt_report.h"
#include "cli/report_flags.h"
#include "jobs/receipt_replay.h"
#include "jobs/receipt_writer.h"
#include "json/text.h"

namespace ernie {
namespace {

constexpr uint64_t kMaxManifestBytes = uint64_t{64} << 20;

struct VerifyReceiptFlags {
  EngineFlags engine;
  std::string results, input, manifest;
  bool is_part = false;
  InputRules rules;
  ReportFlags report;
};

void add_receipt_flags(CLI::App& app, VerifyReceiptFlags& flags) {
  app.add_option("RESULTS", flags.results,
                 "What `run` or `run-batch` wrote with --receipts, or saved answers of `serve`, "
                 "one in a line")
      ->type_name("FILE")
      ->required();
  app.add_option("--input", flags.input,
                 "The job's prompts or batch requests: the receipts must be of these, too")
      ->type_name("FILE");
  app.add_option("--manifest", flags.manifest,
                 "Names tensors that differ (default: RESULTS.model.json, if it is there)")
      ->type_name("FILE");
  app.add_flag("--part", flags.is_part, "RESULTS is a part of a job's output: rows may be missing");
  app.add_flag("--chat", flags.rules.chat, "With --input: as it was given to `run`");
  app.add_option("--system", flags.rules.system, "With --input: as it was given to `run`");
}

Result<std::optional<ModelManifest>> read_manifest(const VerifyReceiptFlags& flags) {
  const bool is_named = !flags.manifest.empty();
  const std::string path = is_named ? flags.manifest : manifest_path(flags.results);
  std::error_code ignored;
  if (!is_named && !std::filesystem::exists(path, ignored)) return std::optional<ModelManifest>();
  ERNIE_TRY(const std::string text, read_text_file(path, kMaxManifestBytes));
  auto manifest = manifest_from_text(text);
  if (!manifest) {
    return make_error(ErrorCode::kCorruptData, "{}: {}", path, manifest.error().message);
  }
  return std::optional(*std::move(manifest));
}

Result<ReceiptReplay::Files> open_files(const VerifyReceiptFlags& flags) {
  ERNIE_TRY(LineReader results, LineReader::open(flags.results, UINT64_MAX, kMaxResultLineBytes));
  ReceiptReplay::Files files{std::move(results), std::nullopt, flags.is_part};
  if (!flags.input.empty()) {
    ERNIE_TRY(files.input, LineReader::open(flags.input));
  }
  return files;
}

/// Room for the longest answer and a token more, which a shortened receipt would lack.
int64_t needed_context(const ReceiptSummary& summary, const ModelConfig& config) {
  return std::min(summary.longest + 1, config.max_position_embeddings);
}

void print_verdict(const ReceiptRun& run) {
  for (const std::string& finding : run.of_file) fmt::print("{}\n", finding);
  fmt::print("{} lines: {} verified, {} depart, {} errors without an answer\n",
             run.counts.num_lines, run.counts.num_verified, run.counts.num_departing,
             run.counts.num_without_answer);
  if (run.counts.num_receipts == 0) fmt::print("no receipt was checked\n");
  if (!run.canary) return;
  fmt::print("with a bit of line {}, token {} changed: {}\n", run.canary->line_number,
             run.canary->token,
             run.canary->finding.empty() ? "NOT noticed, so this check proves nothing"
                                         : "noticed, as it must be");
}

Result<void> write_receipt_report(const VerifyReceiptFlags& flags, const LoadedEngine& loaded,
                                  const ReceiptRun& run) {
  const report::Environment environment = report::collect_environment();
  report::Report report = receipt_report(run);
  report.environment = report::environment_rows(environment);
  report.environment.push_back({{"results", "结果文件"}, flags.results});
  if (!flags.input.empty()) report.environment.push_back({{"input", "输入文件"}, flags.input});
  report.environment.push_back({{"model", "模型"}, loaded.identity});
  return write_report_files(flags.report, report,
                            json_text(receipts_to_json(run, environment)) + "\n");
}

/// Whether every answer has a receipt and every receipt holds.
Result<bool> verify_receipts(VerifyReceiptFlags& flags, const EngineLoader& loader,
                             const Interrupt& interrupt) {
  ERNIE_TRY(const ReceiptSummary summary, summarize_receipts(flags.results));
  OwnModel own;
  ERNIE_TRY(own.recorded, read_manifest(flags));
  ERNIE_TRY(ReceiptReplay::Files files, open_files(flags));
  ERNIE_TRY(OpenedModel model, loader.open(flags.engine));
  int64_t& max_model_len = flags.engine.engine.max_model_len;
  if (max_model_len == 0) max_model_len = needed_context(summary, model.weights->config());
  ERNIE_TRY(LoadedEngine loaded, loader.load(std::move(model), flags.engine));
  ERNIE_TRY(JobReceipts receipts, prepare_receipts(flags.engine, loaded));
  own.common = std::move(receipts.common);
  own.manifest = std::move(receipts.manifest);
  flags.rules.tokenizer = loaded.tokenizer.get();
  flags.rules.chat_template = loaded.chat_template;
  const bool shows_lines = !replaces_output(flags.report);
  OrderedLines output(standard_output());
  Progress progress(summary.num_rows, 0, flags.engine.quiet);
  ReceiptReplay job(std::move(files), own, flags.rules, shows_lines ? &output : nullptr, progress);
  ERNIE_TRY(const auto loop, EngineLoop::create(std::move(loaded.engine)));
  const auto done = run_job(*loop, job, request_window(*loop), interrupt);
  progress.clear();
  ERNIE_TRY_VOID(output.flush());
  ERNIE_TRY_VOID(done);
  ERNIE_TRY_VOID(job.check_end());
  ReceiptRun run = job.run();
  run.seconds = progress.state().seconds;
  if (shows_lines) print_verdict(run);
  ERNIE_TRY_VOID(write_receipt_report(flags, loaded, run));
  return run.passed();
}

}  // namespace

Command add_verify_receipt_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<VerifyReceiptFlags>();
  add_receipt_flags(app, *flags);
  add_engine_flags(app, flags->engine);
  add_report_flags(app, flags->report);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    const Interrupt interrupt;
    const auto verified = verify_receipts(*flags, loader, interrupt);
    return exit_code_of(verified, interrupt);
  };
}

}  // namespace ernie
