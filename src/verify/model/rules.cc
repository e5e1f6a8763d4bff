#include "verify/model/rules.h"

#include <algorithm>
#include <cmath>

#include "report/format.h"

namespace ernie::verify::model {
namespace {

using report::format_number;
using report::Text;

// docs/numerics.md sections 2 and 4.
constexpr double kFloat32Range = 1e-5;
constexpr double kBfloat16TapRange = 2e-2;
constexpr double kBfloat16Equal = 0.98;
// Section 5, and the same for distributions.
constexpr double kMaxOfOriginal = 1.25;
constexpr double kKlMeanOfOriginal = 1.2, kKlTailOfOriginal = 1.5;
constexpr int64_t kEnoughForTail = 1000;  // fewer tokens have no 99.9th percentile
constexpr double kTop1BelowOriginal = 0.002;
/// KL grows with the square of the error of the logits.
constexpr double kKlOverYardstick = kMaxOverYardstick * kMaxOverYardstick;
constexpr double kFloat32Kl = 1e-8;
constexpr double kKlFloor = 1e-13;

bool computes_as_recorded(const Arithmetic& a) { return a.act == a.truth && a.store == a.truth; }
bool is_float32(const Arithmetic& a) { return a.act != DType::kBF16 && a.store != DType::kBF16; }

Check at_most(std::string name, Text words, double measured, double allowed) {
  return {std::move(name), std::move(words), measured, allowed, measured <= allowed};
}

const PointResult* find(const ModelCheck& check, Tap tap) {
  const auto found =
      std::ranges::find_if(check.points, [&](const PointResult& r) { return r.point.tap == tap; });
  return found == check.points.end() ? nullptr : &*found;
}

void add_stage_rules(const ModelCheck& check, std::vector<Check>& checks) {
  double failed = 0, departed = 0, wrong_alone = 0, wrong_free = 0;
  for (const PointResult& r : check.points) {
    failed += r.failures.empty() ? 0 : 1;
    departed += r.departs ? 1 : 0;
  }
  for (const RoutingResult& r : check.routing) {
    wrong_alone += static_cast<double>(r.alone.num_wrong);
    wrong_free += static_cast<double>(r.free.num_wrong);
  }
  checks.push_back({"comparisons",
                    {"values compared, at least", "至少比较的数值个数"},
                    static_cast<double>(check.num_comparisons),
                    1,
                    check.num_comparisons > 0});
  checks.push_back(at_most("stages", {"stages beyond their budget", "超出预算的阶段"}, failed, 0));
  checks.push_back(
      at_most("whole_pass",
              {"points where the whole pass is beyond 3 yardsticks", "整个前向超出 3 倍标尺的位置"},
              departed, 0));
  checks.push_back(
      at_most("routing_alone",
              {"wrong choices of experts from the true logits", "给定真实 logits 时错误的专家选择"},
              wrong_alone, 0));
  checks.push_back(at_most(
      "routing", {"choices of experts that rounding does not explain", "舍入无法解释的专家选择"},
      wrong_free, 0));
}

void add_golden_rules(const ModelCheck& check, const Arithmetic& a, const GoldenShares& golden,
                      std::vector<Check>& checks) {
  if (!computes_as_recorded(a)) return;
  double different = 0;
  for (const RoutingResult& r : check.routing)
    different += static_cast<double>(r.free.num_different);
  checks.push_back(at_most("golden_logits",
                           {"largest error of the logits, of that allowed for recordings",
                            "logits 最大误差占录制容差的比例"},
                           golden.logits, 1));
  checks.push_back(at_most(
      "golden_taps",
      {"largest error between, of that allowed for recordings", "中间结果最大误差占录制容差的比例"},
      golden.taps, 1));
  checks.push_back(
      at_most("golden_experts", {"other choices of experts", "不同的专家选择"}, different, 0));
  if (a.act == DType::kBF16) {
    checks.push_back({"golden_equal",
                      {"logits equal bit for bit, at least", "逐位相等的 logits 至少"},
                      golden.least_equal,
                      kBfloat16Equal,
                      golden.least_equal >= kBfloat16Equal});
  }
}

/// Not further from the truth than the original is in bfloat16.
void add_original_rules(const ModelCheck& check, std::vector<Check>& checks) {
  const PointResult* logits = find(check, Tap::kLogits);
  const DistributionFigures &ours = check.distribution, &theirs = *check.original;
  if (logits != nullptr && logits->original_l2 >= 0) {
    checks.push_back(at_most("original_logits",
                             {"error of the logits, that of the original in bfloat16",
                              "logits 误差，对照原实现的 bfloat16"},
                             logits->free_all_l2, logits->original_l2));
    checks.push_back(at_most("original_largest",
                             {"largest error of a logit, 1.25 times the original's in bfloat16",
                              "logits 最大误差，原实现 bfloat16 的 1.25 倍"},
                             logits->free_all_abs, kMaxOfOriginal * logits->original_abs));
  }
  checks.push_back(at_most("original_kl_mean",
                           {"mean KL divergence, 1.2 times the original's in bfloat16",
                            "平均 KL 散度，原实现 bfloat16 的 1.2 倍"},
                           ours.kl_mean, kKlMeanOfOriginal * theirs.kl_mean));
  if (theirs.num_tokens >= kEnoughForTail) {
    checks.push_back(at_most("original_kl_p999",
                             {"99.9th percentile of KL, 1.5 times the original's in bfloat16",
                              "KL 的 99.9 百分位，原实现 bfloat16 的 1.5 倍"},
                             ours.kl_p999, kKlTailOfOriginal * theirs.kl_p999));
  }
  const double one_token = 1 / static_cast<double>(std::max<int64_t>(theirs.num_tokens, 1));
  const double least = theirs.top1_agreement() - std::max(kTop1BelowOriginal, one_token);
  checks.push_back({"original_top1",
                    {"share of equal likeliest tokens, at least", "最可能词元一致率至少"},
                    ours.top1_agreement(),
                    least,
                    ours.top1_agreement() >= least});
}

void add_distribution_rules(const ModelCheck& check, const Arithmetic& a,
                            const DistributionFigures& noise, std::vector<Check>& checks) {
  const PointResult* logits = find(check, Tap::kLogits);
  if (logits == nullptr) return;
  if (check.alike.num_tokens > 0) {
    double allowed = kKlOverYardstick * noise.kl_mean + kKlFloor;
    if (is_float32(a)) allowed = std::min(allowed, kFloat32Kl);
    checks.push_back(at_most("kl_mean",
                             {"mean KL divergence of tokens routed alike", "路由一致词元的平均 KL"},
                             check.alike.kl_mean, allowed));
    const double movable = 2 * kMaxOverYardstick * logits->yardstick_abs;
    checks.push_back(at_most("top1_margin",
                             {"margin of another likeliest token", "最可能词元不同时的差距"},
                             check.alike.largest_top1_margin, movable));
  }
}

}  // namespace

double share_of_golden_tolerance(const TapError& error, const TapPoint& point,
                                 const Arithmetic& a) {
  if (!computes_as_recorded(a)) return 0;
  double allowed = kFloat32Range * error.range;
  if (a.act == DType::kBF16) {
    allowed = point.tap == Tap::kLogits ? 2 * std::exp2(std::floor(std::log2(error.largest)) - 7)
                                        : kBfloat16TapRange * error.range;
  }
  return error.max_abs == 0 ? 0 : error.max_abs / allowed;
}

std::vector<Check> apply_rules(const ModelCheck& check, const CheckContext& context,
                               const DistributionFigures& noise, const GoldenShares& golden) {
  std::vector<Check> checks;
  add_stage_rules(check, checks);
  if (context.is_golden) add_golden_rules(check, context.arithmetic, golden, checks);
  const bool rounds_storage =
      context.arithmetic.act == DType::kF32 && context.arithmetic.store == DType::kBF16;
  if (check.original && rounds_storage) add_original_rules(check, checks);
  add_distribution_rules(check, context.arithmetic, noise, checks);
  return checks;
}

void find_departure(ModelCheck& check) {
  if (check.passed) return;
  for (const PointResult& r : check.points) {
    const Text where = point_words(r.point);
    const auto routing = std::ranges::find_if(check.routing, [&](const RoutingResult& q) {
      return q.layer == r.point.layer && q.alone.num_wrong > 0;
    });
    if (r.point.tap > Tap::kRouterLogits && routing != check.routing.end()) {
      check.departure = TapPoint{r.point.layer, Tap::kExpertIds};
      const Text choice = point_words(*check.departure);
      check.departure_words = {
          fmt::format("departs first at {}: {} of {} tokens get other experts from the same logits",
                      choice.en, routing->alone.num_wrong, routing->alone.num_decisions),
          fmt::format("最先偏离处：{}：{} 个词元中有 {} 个在相同 logits 下选了别的专家", choice.zh,
                      routing->alone.num_decisions, routing->alone.num_wrong)};
      return;
    }
    if (!r.failures.empty()) {
      check.departure = r.point;
      const std::string which = fmt::format("{}, {}", r.alone.worst_row, r.alone.worst_column);
      const std::string got = format_number(r.alone.worst_got, 6),
                        want = format_number(r.alone.worst_want, 6);
      check.departure_words = {
          fmt::format("departs first at {}: from true inputs its value [{}] is {}, expected {}; "
                      "relative error {}, allowed {}",
                      where.en, which, got, want, format_number(r.alone.l2),
                      format_number(r.budget.l2)),
          fmt::format("最先偏离处：{}：输入正确时其值 [{}] 为 {}，应为 {}；相对误差 {}，允许 {}",
                      where.zh, which, got, want, format_number(r.alone.l2),
                      format_number(r.budget.l2))};
      return;
    }
  }
  for (const PointResult& r : check.points) {
    if (!r.departs) continue;
    check.departure = r.point;
    const Text where = point_words(r.point);
    check.departure_words = {
        fmt::format("every stage is right by itself; the whole pass departs first at {}: relative "
                    "error {}, yardstick {}",
                    where.en, format_number(r.free.l2), format_number(r.yardstick)),
        fmt::format("每个阶段单独都正确；整个前向最先在{}偏离：相对误差 {}，标尺 {}", where.zh,
                    format_number(r.free.l2), format_number(r.yardstick))};
    return;
  }
}

}  // namespace ernie::verify::model
