#include "report/report_test_sample.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "report/environment.h"
#include "report/format.h"

namespace ernie::report {
namespace {

constexpr std::array<const char*, 15> kOperations = {
    "embed",         "normalize",      "linear_q8",        "linear_bf16",
    "rope",          "store_kv",       "attention",        "silu_mul",
    "add",           "route",          "experts",          "gather_rows",
    "add_normalize", "qkv_rope_store", "moe_shared_expert"};
const std::array<Text, 4> kClasses = {Text("normal", "正态分布"), Text("outliers", "含离群值"),
                                      Text("cancelling", "相互抵消"),
                                      Text("subnormal", "非规格化数")};

/// Between 0 and 1, and the same everywhere.
double noise(size_t a, size_t b) {
  const double x = std::sin(static_cast<double>(a) * 12.9898 + static_cast<double>(b) * 78.233);
  return std::abs(x * 43758.5453) - std::floor(std::abs(x * 43758.5453));
}

/// Error over budget of an operation for a class of inputs.
double share_of_budget(size_t operation, size_t input_class) {
  if (operation == 5 || operation == 11) return 0;  // copies are exact
  if (operation == 10 && input_class == 2) return 1.34;
  return std::pow(10.0, -2.2 + 2.1 * noise(operation, input_class));
}

Table operation_table() {
  Table table{.caption = {"Every operation against the oracle", "各算子与基准实现的比较"},
              .columns = {{{"operation", "算子"}},
                          {{"cases", "用例数"}, true},
                          {{"what bounds its error", "误差来源"}},
                          {{"largest error", "最大误差"}, true},
                          {{"budget", "误差预算"}, true},
                          {{"e_max / budget", "占预算比例"}, true},
                          {{"verdict", "结论"}}}};
  for (size_t i = 0; i < kOperations.size(); ++i) {
    double worst = 0;
    for (size_t c = 0; c < kClasses.size(); ++c) worst = std::max(worst, share_of_budget(i, c));
    const double budget = 3e-6 / (1 + static_cast<double>(i % 4));
    const Verdict verdict = worst > 1     ? Verdict::kFail
                            : worst > 0.8 ? Verdict::kWarn
                                          : Verdict::kPass;
    table.rows.push_back(
        {{kOperations[i]},
         {std::to_string(96 + 32 * (i % 5))},
         {{"order of a float32 sum over hidden_size", "float32 求和次序（hidden_size 项）"}},
         {format_number(worst * budget)},
         {format_number(budget)},
         {format_number(worst), verdict == Verdict::kPass ? Verdict::kNone : verdict, worst},
         {"", verdict}});
  }
  return table;
}

Chart error_bars() {
  Chart chart{.title = {"Error by operation and class of inputs", "各算子在不同输入类别下的误差"},
              .x = {{"operation", "算子"}},
              .y = {{"largest error / budget", "最大误差 / 误差预算"}, true},
              .lines = {{1, {"budget", "误差预算"}}}};
  for (const char* name : kOperations) chart.categories.emplace_back(name);
  for (size_t c = 0; c < kClasses.size(); ++c) {
    Series series{.name = kClasses[c], .kind = SeriesKind::kBars};
    for (size_t i = 0; i < kOperations.size(); ++i) {
      series.points.push_back({static_cast<double>(i), share_of_budget(i, c)});
    }
    chart.series.push_back(series);
  }
  chart.series[3].points[6].y = std::numeric_limits<double>::quiet_NaN();
  chart.series[3].points[12].y = std::numeric_limits<double>::infinity();
  return chart;
}

Chart error_by_layer() {
  Chart chart{.title = {"Error of the hidden state after each layer", "各层之后隐藏状态的误差"},
              .x = {{"layer", "层"}},
              .y = {{"rms error / range", "均方根误差 / 取值范围"}, true},
              .lines = {{1e-2, {"tolerance of bfloat16", "bfloat16 容差"}},
                        {1e-5, {"tolerance of float32", "float32 容差"}}}};
  const std::array<const char*, 3> names = {"cpu, float32", "cpu, bfloat16", "reference, bfloat16"};
  const std::array<double, 3> starts = {2e-7, 4e-4, 7e-4};
  for (size_t s = 0; s < names.size(); ++s) {
    Series series{.name = names[s]};
    for (size_t layer = 0; layer < 28; ++layer) {
      const double growth = std::pow(1.09, static_cast<double>(layer));
      series.points.push_back(
          {static_cast<double>(layer), starts[s] * growth * (0.8 + 0.5 * noise(layer, s))});
    }
    chart.series.push_back(series);
  }
  return chart;
}

Chart roofline() {
  Chart chart{.title = {"Operations under the machine's limits", "算子性能与硬件上限（屋顶线）"},
              .x = {{"arithmetic intensity, flop/byte", "计算强度，flop/byte"}, true},
              .y = {{"performance, Gflop/s", "性能，Gflop/s"}, true}};
  chart.series.push_back({.name = {"memory bandwidth, 21.3 GB/s", "内存带宽 21.3 GB/s"},
                          .kind = SeriesKind::kLimit,
                          .points = {{0.05, 0.05 * 21.3}, {128.0 / 21.3, 128}}});
  chart.series.push_back({.name = {"AVX2 multiply-add, 128 Gflop/s", "AVX2 乘加 128 Gflop/s"},
                          .kind = SeriesKind::kLimit,
                          .points = {{128.0 / 21.3, 128}, {300, 128}}});
  Series decode{.name = {"decode, 1 sequence", "解码，1 个序列"}, .kind = SeriesKind::kPoints};
  Series prefill{.name = {"prefill, 512 tokens", "预填充，512 个 token"},
                 .kind = SeriesKind::kPoints};
  for (size_t i = 1; i < kOperations.size(); ++i) {
    const double low = 0.08 * std::pow(10.0, 0.9 * noise(i, 9));
    decode.points.push_back({low, low * 21.3 * (0.35 + 0.6 * noise(i, 10)), kOperations[i]});
    const double high = 0.1 * std::pow(10.0, 3.2 * noise(i, 11));
    prefill.points.push_back(
        {high, std::min(high * 21.3, 128.0) * (0.3 + 0.6 * noise(i, 12)), kOperations[i]});
  }
  chart.series.push_back(decode);
  chart.series.push_back(prefill);
  return chart;
}

Chart latency() {
  Chart chart{
      .title = {"Time of a step: share of steps that took at most so long", "单步耗时的累积分布"},
      .x = {{"milliseconds", "毫秒"}},
      .y = {{"share of steps, %", "步数占比，%"}},
      .lines = {{99, {"p99"}}, {50, {"p50"}}}};
  for (const auto& [name, median] :
       {std::pair("batch 1", 11.0), {"batch 8", 23.0}, {"batch 32", 61.0}}) {
    Series series{.name = name};
    for (size_t i = 0; i <= 200; ++i) {
      const double share = static_cast<double>(i) / 200;
      const double tail = share >= 0.995 ? 1.9 : 1 + 0.25 * std::pow(share, 6);
      series.points.push_back({median * (0.86 + 0.2 * share) * tail, share * 100});
    }
    chart.series.push_back(series);
  }
  return chart;
}

Table fault_table() {
  Table table{.caption = {"Faults put in on purpose, and whether they were noticed",
                          "人为注入的故障及其检出情况"},
              .columns = {{{"fault", "故障"}},
                          {{"operation", "算子"}},
                          {{"what it does", "作用"}},
                          {{"error / budget", "误差 / 预算"}, true},
                          {{"cases that see it", "检出用例数"}, true},
                          {{"noticed", "是否检出"}}}};
  for (size_t i = 0; i < 60; ++i) {
    const bool missed = i == 23 || i == 41;
    table.rows.push_back(
        {{fmt::format("fault_{:02}", i + 1)},
         {kOperations[i % kOperations.size()]},
         {{"the last of K partial sums is dropped if K mod 32 is 1",
           "当 K 除以 32 余 1 时丢弃最后一个部分和"}},
         {format_number(missed ? 0.4 : std::pow(10.0, 1 + 4 * noise(i, 3)))},
         {missed ? "0 / 96" : fmt::format("{} / 96", 1 + static_cast<int>(95 * noise(i, 4)))},
         {"", missed ? Verdict::kFail : Verdict::kPass}});
  }
  return table;
}

}  // namespace

Report sample_report() {
  Environment environment{.cpu_model = "AMD EPYC 7763 64-Core Processor",
                          .num_cpus = 2,
                          .l1d_bytes = 32768,
                          .l2_bytes = 524288,
                          .l3_bytes = 33554432,
                          .instruction_sets = {"avx", "f16c", "fma", "avx2"},
                          .memory_bytes = 25769803776,
                          .system = "Debian GNU/Linux 12 (bookworm), Linux 6.1.0, x86_64",
                          .compiler = "g++ 12.2.0",
                          .build_type = "Release",
                          .build_flags = "-O3 -DNDEBUG",
                          .version = "0.1.0",
                          .commit = "0123456789ab+",
                          .command_line = "ernie verify --device cpu --html 'my report.html'",
                          .date_utc = "2025-01-31 12:34:56 UTC"};
  return {.title = {"Verification of <cpu> & its operations", "<cpu> 设备及其算子的验证"},
          .verdict = Verdict::kFail,
          .summary =
              {"14 of 15 operations keep their budgets; 58 of 60 faults were noticed. The experts "
               "operation exceeds its budget for cancelling inputs.",
               "15 个算子中 14 个满足误差预算；60 个注入故障检出 58 个。experts "
               "算子在相互抵消的输入下超出预算。"},
          .environment = environment_rows(environment),
          .sections = {
              {{"Operations", "算子"},
               {Paragraph{
                    {"Each operation runs on the same inputs as the oracle, which sums in double. "
                     "The budget follows from the number of roundings.",
                     "每个算子与以双精度求和的基准实现使用相同输入。误差预算由舍入次数推导得出。"}},
                operation_table(), error_bars(),
                Paragraph{{"experts, cancelling: 1.34 of its budget",
                           "experts，相互抵消：达到预算的 1.34 倍"},
                          Verdict::kFail}}},
              {{"Whole model", "整个模型"}, {error_by_layer()}},
              {{"Speed", "速度"}, {roofline(), latency()}},
              {{"Injected faults", "故障注入"}, {fault_table()}}}};
}

Report hostile_report() {
  const std::string name = "</title><script>alert(\"1\" & '2')</script>]]>|`*_a_* \x01\xFF\n$x$";
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> odd = {nan, infinity, -infinity, 0, -1, 5e-324, 1.7e308, -1.7e308, 2};
  Table table{.caption = name, .columns = {{name}, {name, true}}};
  table.rows = {{{name}}, {{name}, {name, Verdict::kFail, 7}, {name}}, {}};
  for (const double bar : odd) table.rows.push_back({{name, Verdict::kWarn, bar}, {"", {}, bar}});
  Section section{.heading = name,
                  .blocks = {Paragraph{name, Verdict::kWarn}, table, Table{}, Chart{},
                             Chart{.categories = {name}}}};
  for (const SeriesKind kind : {SeriesKind::kBars, SeriesKind::kLine, SeriesKind::kPoints}) {
    for (const bool log : {false, true}) {
      Chart chart{.title = name, .x = {name, log}, .y = {name, log}};
      if (kind == SeriesKind::kBars) chart.categories = {name, "b"};
      Series series{.name = name, .kind = kind}, limit{.name = name, .kind = SeriesKind::kLimit};
      for (const double x : odd) {
        for (const double y : odd) series.points.push_back({x, y, name});
        chart.lines.push_back({x, name});
        limit.points.push_back({x, x, name});
      }
      series.points.push_back({0, nan});
      series.points.push_back({1, infinity});
      chart.series = {series, limit, Series{}};
      section.blocks.emplace_back(chart);
    }
  }
  return {.title = name,
          .verdict = Verdict::kWarn,
          .summary = name,
          .environment = {{name, name}, {"", ""}},
          .sections = {section, section, Section{}}};
}

}  // namespace ernie::report
