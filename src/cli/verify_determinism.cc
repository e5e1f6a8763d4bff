#include <memory>

#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/report_flags.h"
#include "jobs/progress.h"
#include "json/text.h"
#include "verify/determinism/report.h"

namespace ernie {
namespace {

struct VerifyDeterminismFlags {
  EngineFlags engine;
  int64_t num_requests = 24;
  ReportFlags report;
};

/// A device and an engine of its own for every variant: what one leaves behind cannot help the
/// next.
verify::determinism::EngineFactory engine_factory(const EngineFlags& flags,
                                                  const OpenedModel& model) {
  return
      [&flags, &model](const verify::determinism::Variant& v) -> Result<std::unique_ptr<Engine>> {
        ERNIE_TRY(auto backend, make_backend(flags.device, v.backend));
        return Engine::create(std::move(backend), *model.weights, model.tokenizer, v.engine);
      };
}

verify::determinism::VariantProgress progress_of(const EngineFlags& flags) {
  return [line = ProgressLine(flags.quiet)](size_t index, size_t count,
                                            const verify::determinism::Variant& variant) mutable {
    line.show(fmt::format("{} of {}: {} {}", index + 1, count, variant.name.en, variant.settings),
              index + 1 == count);
  };
}

Result<bool> verify_determinism(VerifyDeterminismFlags& flags, const EngineLoader& loader) {
  verify::determinism::DeterminismOptions options;
  options.num_requests = flags.num_requests;
  options.seed = flags.engine.seed;
  ERNIE_TRY(const OpenedModel model, loader.open(flags.engine));
  if (flags.engine.engine.max_model_len != 0) {
    options.max_model_len = flags.engine.engine.max_model_len;
  }
  options.max_model_len =
      std::min(options.max_model_len, model.weights->config().max_position_embeddings);
  if (options.max_model_len < verify::determinism::kMinModelLen) {
    return make_error(ErrorCode::kInvalidArgument, "max-model-len: got {}, expected at least {}",
                      options.max_model_len, verify::determinism::kMinModelLen);
  }
  flags.engine.engine.max_model_len = options.max_model_len;
  ERNIE_TRY(const BackendOptions backend, backend_options(flags.engine, model.weights->config()));
  const verify::determinism::Variant base{.backend = backend, .engine = flags.engine.engine};
  ERNIE_TRY(const verify::determinism::DeterminismRun run,
            verify::determinism::run_determinism(options, base, flags.engine.device,
                                                 engine_factory(flags.engine, model),
                                                 progress_of(flags.engine)));
  const report::Environment environment = report::collect_environment();
  report::Report report = verify::determinism::determinism_report(run);
  report.environment = report::environment_rows(environment);
  report.environment.push_back({{"model", "模型"}, model.weights->describe()});
  report.environment.push_back({{"device", "设备"}, flags.engine.device});
  report.environment.push_back({{"dtype", "数据类型"}, std::string(dtype_name(backend.dtype))});
  report.environment.push_back({{"seed", "随机种子"}, std::to_string(options.seed)});
  ERNIE_TRY_VOID(
      write_reports(flags.report, report,
                    json_text(verify::determinism::determinism_to_json(run, environment)) + "\n"));
  return run.passed();
}

}  // namespace

Command add_verify_determinism_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<VerifyDeterminismFlags>();
  app.add_option("--num-requests", flags->num_requests, "Random requests, each of another kind")
      ->check(CLI::Range(verify::determinism::kMinRequests, int64_t{4096}))
      ->capture_default_str();
  add_engine_flags(app, flags->engine);
  add_report_flags(app, flags->report);
  return [&app, &loader, flags] {
    start_log(app, flags->engine);
    return exit_code_of(verify_determinism(*flags, loader));
  };
}

}  // namespace ernie
