#include <memory>

#include "base/atomic_file.h"
#include "cli/commands.h"
#include "cli/device_flags.h"
#include "cli/report_flags.h"
#include "jobs/progress.h"
#include "json/text.h"
#include "verify/ops/report.h"

namespace ernie {
namespace {

struct VerifyOpsFlags {
  std::string suite = "model";
  DeviceSettings settings{.dtype = "all"};
  std::vector<std::string> ops;
  std::string inject = "none";
  uint64_t seed = 0;
  std::string cases;
  bool quiet = false;
  ReportFlags report;
};

void add_flags(CLI::App& app, VerifyOpsFlags& flags) {
  app.add_option(
         "--suite", flags.suite,
         "published: the five cases of a published NPU report; model: the shapes of the 21B "
         "model; full: every shape, shard and class of input")
      ->check(CLI::IsMember({"published", "model", "full"}))
      ->capture_default_str();
  app.add_option("--op", flags.ops, "Only this operation; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--inject", flags.inject,
                 "all: also compute every operation wrongly in every known way, which must be "
                 "noticed each time")
      ->check(CLI::IsMember({"none", "all"}))
      ->capture_default_str();
  add_output_file_flag(app, "--cases", flags.cases,
                       "Also write every case with all its figures, as JSON lines");
  add_device_flags(app, flags.settings, flags.seed, flags.quiet,
                   {.device = "What to verify: cpu, reference",
                    .dtypes = {"all", "bfloat16", "float32"},
                    .isa = "Instruction set of the cpu device, or all (default: the best here)",
                    .threads = "Cases at the same time; 0: one per processor"});
  add_report_flags(app, flags.report);
}

std::vector<std::string> chosen_isas(const DeviceSettings& device) {
  std::vector<std::string> isas;
  for (const DeviceInfo& info : variants_of(device.device)) isas.push_back(info.variant);
  if (device.isa == "all" && !isas.empty()) return isas;
  return {device.isa.empty() && !isas.empty() ? isas.front() : device.isa};
}

std::vector<DType> chosen_dtypes(const DeviceSettings& device) {
  const auto named = named_dtype(device);
  return named ? std::vector<DType>{*named} : std::vector<DType>{DType::kF32, DType::kBF16};
}

verify::ops::SuiteProgress progress_of(const VerifyOpsFlags& flags, const std::string& name) {
  return
      [name, line = ProgressLine(flags.quiet), last = size_t{0}](size_t done, size_t all) mutable {
        const size_t percent = done * 100 / all;
        if (percent == last) return;
        last = percent;
        line.show(fmt::format("{}: {}%", name, percent), done == all);
      };
}

Result<verify::ops::OpsConfiguration> verify_configuration(const VerifyOpsFlags& flags,
                                                           const std::string& isa, DType dtype) {
  verify::ops::SuiteOptions options{.device = flags.settings.device,
                                    .backend = {.dtype = dtype, .isa = isa},
                                    .seed = flags.seed,
                                    .operations = flags.ops,
                                    .num_workers = num_threads(flags.settings)};
  options.suite = flags.suite == "published" ? verify::ops::Suite::kPublished
                  : flags.suite == "full"    ? verify::ops::Suite::kFull
                                             : verify::ops::Suite::kModel;
  verify::ops::OpsConfiguration configuration{.isa = isa};
  const std::string name = fmt::format("{} {} {}", flags.settings.device, isa, dtype_name(dtype));
  ERNIE_TRY(configuration.suite, verify::ops::run_suite(options, progress_of(flags, name)));
  ERNIE_TRY(configuration.canary, verify::ops::run_canary(options));
  if (flags.inject == "all") {
    ERNIE_TRY(configuration.injection, verify::ops::run_injection(options));
  }
  return configuration;
}

Result<void> write_cases(const std::string& path, const verify::ops::OpsRun& run) {
  if (path.empty()) return {};
  std::string lines;
  for (const verify::ops::OpsConfiguration& configuration : run.configurations) {
    for (const verify::ops::OperationResults& op : configuration.suite.operations) {
      for (const verify::ops::CaseResult& result : op.cases) {
        lines += json_text(verify::ops::case_to_json(configuration, result)) + "\n";
      }
    }
  }
  return write_file_atomically(path, lines);
}

size_t num_cases(const verify::ops::OpsRun& run) {
  size_t count = 0;
  for (const verify::ops::OpsConfiguration& configuration : run.configurations) {
    for (const auto& operation : configuration.suite.operations) count += operation.cases.size();
  }
  return count;
}

/// Whether everything passed.
Result<bool> verify_ops(const VerifyOpsFlags& flags) {
  verify::ops::OpsRun run{
      .device = flags.settings.device, .suite = flags.suite, .seed = flags.seed};
  for (const std::string& isa : chosen_isas(flags.settings)) {
    for (const DType dtype : chosen_dtypes(flags.settings)) {
      ERNIE_TRY(auto configuration, verify_configuration(flags, isa, dtype));
      run.configurations.push_back(std::move(configuration));
    }
  }
  if (num_cases(run) == 0) {
    return make_error(ErrorCode::kInvalidArgument, "--op: no case of suite {} is of {}",
                      flags.suite, fmt::join(flags.ops, ", "));
  }
  ERNIE_TRY_VOID(write_cases(flags.cases, run));
  const report::Environment environment = report::collect_environment();
  report::Report report = verify::ops::ops_report(run);
  report.environment = report::environment_rows(environment);
  report.environment.push_back({{"suite", "测试集"}, flags.suite});
  report.environment.push_back({{"seed", "随机种子"}, std::to_string(flags.seed)});
  ERNIE_TRY_VOID(write_reports(flags.report, report,
                               json_text(verify::ops::ops_to_json(run, environment)) + "\n"));
  return run.passed();
}

}  // namespace

Command add_verify_ops_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<VerifyOpsFlags>();
  add_flags(app, *flags);
  return [flags] { return exit_code_of(verify_ops(*flags)); };
}

}  // namespace ernie
