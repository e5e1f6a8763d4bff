#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/report_flags.h"
#include "json/text.h"
#include "verify/determinism/report.h"

namespace ernie {
namespace {

struct VerifyDeterminismFlags {
  EngineFlags engine;
  int64_t num_requests = 24;
  ReportFlags report;
};

/// Opens the model anew for every variant: what one leaves behind cannot help the next.
verify::determinism::EngineFactory engine_factory(const EngineFlags& flags,
                                                  std::shared_ptr<const Tokenizer> tokenizer) {
  return [&flags,
          tokenizer](const verify::determinism::Variant& v) -> Result<std::unique_ptr<Engine>> {
    ERNIE_TRY(auto weights, open_weights(flags));
    ERNIE_TRY(auto backend, make_backend(flags.device, v.backend));
    return Engine::create(std::move(backend), std::move(weights), tokenizer, v.engine);
  };
}

verify::determinism::VariantProgress progress_of(const EngineFlags& flags) {
  if (flags.quiet || ::isatty(STDERR_FILENO) == 0) return {};
  return [](size_t index, size_t count, const verify::determinism::Variant& variant) {
    fmt::print(stderr, "\r\x1b[K{} of {}: {} {}{}", index + 1, count, variant.name.en,
               variant.settings, index + 1 == count ? "\n" : "");
  };
}

Result<bool> verify_determinism(VerifyDeterminismFlags& flags) {
  verify::determinism::DeterminismOptions options;
  options.num_requests = flags.num_requests;
  options.seed = flags.engine.seed;
  ERNIE_TRY(const auto weights, open_weights(flags.engine));
  if (flags.engine.engine.max_model_len != 0) {
    options.max_model_len = flags.engine.engine.max_model_len;
  }
  options.max_model_len =
      std::min(options.max_model_len, weights->config().max_position_embeddings);
  if (options.max_model_len < verify::determinism::kMinModelLen) {
    return make_error(ErrorCode::kInvalidArgument, "max-model-len: got {}, expected at least {}",
                      options.max_model_len, verify::determinism::kMinModelLen);
  }
  flags.engine.engine.max_model_len = options.max_model_len;
  ERNIE_TRY(const auto tokenizer, open_tokenizer(flags.engine));
  ERNIE_TRY(const BackendOptions backend, backend_options(flags.engine, weights->config()));
  const verify::determinism::Variant base{.backend = backend, .engine = flags.engine.engine};
  ERNIE_TRY(const verify::determinism::DeterminismRun run,
            verify::determinism::run_determinism(options, base, flags.engine.device,
                                                 engine_factory(flags.engine, tokenizer),
                                                 progress_of(flags.engine)));
  const report::Environment environment = report::collect_environment();
  report::Report report = verify::determinism::determinism_report(run);
  report.environment = report::environment_rows(environment);
  report.environment.push_back({{"model", "模型"}, weights->describe()});
  report.environment.push_back({{"device", "设备"}, flags.engine.device});
  report.environment.push_back({{"dtype", "数据类型"}, std::string(dtype_name(backend.dtype))});
  report.environment.push_back({{"seed", "随机种子"}, std::to_string(options.seed)});
  ERNIE_TRY_VOID(
      write_reports(flags.report, report,
                    json_text(verify::determinism::determinism_to_json(run, environment)) + "\n"));
  return run.passed();
}

}  // namespace

Command add_verify_determinism_command(CLI::App& app) {
  const auto flags = std::make_shared<VerifyDeterminismFlags>();
  app.add_option("--num-requests", flags->num_requests, "Random requests, each of another kind")
      ->check(CLI::Range(verify::determinism::kMinRequests, int64_t{4096}))
      ->capture_default_str();
  add_engine_flags(app, flags->engine);
  add_report_flags(app, flags->report);
  return [&app, flags] {
    start_log(app, flags->engine);
    const auto passed = verify_determinism(*flags);
    if (passed) return *passed ? 0 : 1;
    spdlog::error("{}", passed.error().message);
    return 2;
  };
}

}  // namespace ernie
