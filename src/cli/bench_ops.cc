#include <algorithm>
#include <memory>

#include "backend/registry.h"
#include "base/file.h"
#include "bench/op_compare.h"
#include "bench/op_runner.h"
#include "bench/ops_json.h"
#include "bench/ops_report.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/device_flags.h"
#include "cli/report_flags.h"
#include "jobs/progress.h"
#include "json/parse.h"
#include "json/text.h"
#include "report/environment.h"

namespace ernie {
namespace {

constexpr uint64_t kMaxResultBytes = uint64_t{256} << 20;

struct OpsFlags {
  std::string suite = "model";
  DeviceSettings settings{.dtype = "bfloat16"};
  std::vector<std::string> ops;
  bench::OpRunOptions run;
  std::string compare;
  bool quiet = false;
  ReportFlags report;
};

void add_flags(CLI::App& app, OpsFlags& flags) {
  app.add_option("--suite", flags.suite,
                 "published: the eight shapes of a published NPU benchmark; model: every operation "
                 "of the 21B model")
      ->check(CLI::IsMember({"published", "model"}))
      ->capture_default_str();
  app.add_option("--op", flags.ops,
                 "Only operations of this name (linear, attention, …), or rows whose name contains "
                 "it; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--seconds-per-op", flags.run.seconds_per_op,
                 "Time to measure each row, at least five calls")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--limits-seconds", flags.run.limits_seconds,
                 "Time to measure the machine's limits, before and after")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--compare", flags.compare, "JSON of an earlier run: say what changed since")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  add_device_flags(app, flags.settings, flags.run.seed, flags.quiet,
                   {.device = "What to measure: cpu, reference"});
  add_report_flags(app, flags.report);
}

Result<std::vector<bench::OpCase>> chosen_cases(const OpsFlags& flags) {
  std::vector<bench::OpCase> cases = flags.suite == "published"
                                         ? bench::published_suite()
                                         : bench::model_suite(*preset_model_config("21b"));
  if (flags.ops.empty()) return cases;
  std::erase_if(cases, [&](const bench::OpCase& c) {
    return std::ranges::none_of(flags.ops, [&](const std::string& wanted) {
      return c.operation.op == wanted || c.operation.name.find(wanted) != std::string::npos;
    });
  });
  if (cases.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "--op: no row of suite {} is called {}",
                      flags.suite, fmt::join(flags.ops, ", "));
  }
  return cases;
}

Result<std::optional<bench::SavedOpRun>> read_earlier(const std::string& path) {
  if (path.empty()) return std::optional<bench::SavedOpRun>();
  ERNIE_TRY(const std::string text, read_text_file(path, kMaxResultBytes));
  const auto value = parse_json(text);
  if (!value) {
    return make_error(ErrorCode::kCorruptData, "{}: {}", path, value.error().message);
  }
  ERNIE_TRY(bench::SavedOpRun saved, bench::ops_from_json(*value, path));
  return std::optional<bench::SavedOpRun>(std::move(saved));
}

bench::OpProgress progress_of(const OpsFlags& flags) {
  return [line = ProgressLine(flags.quiet)](size_t index, size_t count,
                                            const bench::OpCase& op_case) mutable {
    line.show(fmt::format("{} of {}: {}, {}", index + 1, count, op_case.operation.name,
                          op_case.operation.shape),
              index + 1 == count);
  };
}

std::vector<std::pair<report::Text, std::string>> environment_of(
    const bench::OpRun& run, const report::Environment& environment) {
  auto rows = report::environment_rows(environment);
  rows.push_back({{"Suite", "测试集"}, run.suite});
  rows.push_back({{"Device", "设备"}, run.device});
  rows.push_back({{"Threads", "线程数"}, std::to_string(run.limits.num_threads)});
  rows.push_back({{"Seed", "随机种子"}, std::to_string(run.options.seed)});
  return rows;
}

Result<void> bench_ops(const OpsFlags& flags) {
  ERNIE_TRY(const auto cases, chosen_cases(flags));
  ERNIE_TRY(auto earlier, read_earlier(flags.compare));
  const DType dtype = named_dtype(flags.settings).value_or(DType::kBF16);
  const int threads = num_threads(flags.settings);
  ERNIE_TRY(const auto backend,
            make_backend(flags.settings.device, {dtype, threads, flags.settings.isa, false}));
  bench::OpRun run{.suite = flags.suite,
                   .device = backend->describe(),
                   .dtype = std::string(dtype_name(dtype)),
                   .isa = flags.settings.isa,
                   .options = flags.run};
  const bench::LoadMeter meter;
  ERNIE_TRY_VOID(bench::run_ops(*backend, threads, cases, progress_of(flags), run));
  const auto load = meter.load();
  std::optional<bench::OpComparison> comparison;
  if (earlier) comparison = bench::compare_ops(*std::move(earlier), run);
  const bench::OpComparison* compared = comparison ? &*comparison : nullptr;
  const report::Environment environment = report::collect_environment();
  report::Report report = bench::ops_report(run, compared);
  report.environment = environment_of(run, environment);
  return write_bench_report(flags.report, std::move(report),
                            bench::ops_to_json(run, environment, compared), load);
}

}  // namespace

Command add_bench_ops_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<OpsFlags>();
  add_flags(app, *flags);
  return [flags]() -> Result<int> {
    ERNIE_TRY_VOID(bench_ops(*flags));
    return 0;
  };
}

}  // namespace ernie
