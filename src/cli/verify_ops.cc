#include <unistd.h>

#include <memory>

#include "base/atomic_file.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "json/text.h"
#include "verify/ops/report.h"

namespace ernie {
namespace {

struct VerifyOpsFlags {
  std::string suite = "model";
  std::string device = "cpu", dtype = "all", isa;
  std::vector<std::string> ops;
  std::string inject = "none";
  uint64_t seed = 0;
  int threads = 0;
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
  app.add_option("--device", flags.device, "What to verify: cpu, reference")->capture_default_str();
  app.add_option("--dtype", flags.dtype, "Type of weights and KV cache")
      ->check(CLI::IsMember({"all", "bfloat16", "float32"}))
      ->capture_default_str();
  app.add_option("--isa", flags.isa,
                 "Instruction set of the cpu device, or all (default: the best here)");
  app.add_option("--op", flags.ops, "Only this operation; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--inject", flags.inject,
                 "all: also compute every operation wrongly in every known way, which must be "
                 "noticed each time")
      ->check(CLI::IsMember({"none", "all"}))
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "Random seed")->capture_default_str();
  app.add_option("--threads", flags.threads, "Cases at the same time; 0: one per processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  add_output_file_flag(app, "--cases", flags.cases,
                       "Also write every case with all its figures, as JSON lines");
  app.add_flag("--quiet", flags.quiet, "Show no progress");
  add_report_flags(app, flags.report);
}

std::vector<std::string> chosen_isas(const VerifyOpsFlags& flags) {
  std::vector<std::string> isas;
  for (const DeviceInfo& info : variants_of(flags.device)) isas.push_back(info.variant);
  if (flags.isa == "all" && !isas.empty()) return isas;
  return {flags.isa.empty() && !isas.empty() ? isas.front() : flags.isa};
}

std::vector<DType> chosen_dtypes(const VerifyOpsFlags& flags) {
  if (flags.dtype == "float32") return {DType::kF32};
  if (flags.dtype == "bfloat16") return {DType::kBF16};
  return {DType::kF32, DType::kBF16};
}

verify::ops::SuiteProgress progress_of(const VerifyOpsFlags& flags, const std::string& name) {
  if (flags.quiet || ::isatty(STDERR_FILENO) == 0) return {};
  return [name, last = size_t{0}](size_t done, size_t all) mutable {
    const size_t percent = done * 100 / all;
    if (percent == last) return;
    last = percent;
    fmt::print(stderr, "\r\x1b[K{}: {}%{}", name, percent, done == all ? "\n" : "");
  };
}

Result<verify::ops::OpsConfiguration> verify_configuration(const VerifyOpsFlags& flags,
                                                           const std::string& isa, DType dtype) {
  verify::ops::SuiteOptions options{
      .device = flags.device,
      .backend = {.dtype = dtype, .isa = isa},
      .seed = flags.seed,
      .operations = flags.ops,
      .num_workers = flags.threads != 0 ? flags.threads : available_processors()};
  options.suite = flags.suite == "published" ? verify::ops::Suite::kPublished
                  : flags.suite == "full"    ? verify::ops::Suite::kFull
                                             : verify::ops::Suite::kModel;
  verify::ops::OpsConfiguration configuration{.isa = isa};
  const std::string name = fmt::format("{} {} {}", flags.device, isa, dtype_name(dtype));
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

/// Whether everything passed.
Result<bool> verify_ops(const VerifyOpsFlags& flags) {
  verify::ops::OpsRun run{.device = flags.device, .suite = flags.suite, .seed = flags.seed};
  for (const std::string& isa : chosen_isas(flags)) {
    for (const DType dtype : chosen_dtypes(flags)) {
      ERNIE_TRY(auto configuration, verify_configuration(flags, isa, dtype));
      run.configurations.push_back(std::move(configuration));
    }
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

Command add_verify_ops_command(CLI::App& app) {
  const auto flags = std::make_shared<VerifyOpsFlags>();
  add_flags(app, *flags);
  return [flags] {
    const auto passed = verify_ops(*flags);
    if (passed) return *passed ? 0 : 1;
    fmt::print(stderr, "ernie verify ops: {}\n", passed.error().message);
    return 2;
  };
}

}  // namespace ernie
