#include "verify/error_budget.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/dtype.h"
#include "verify/random.h"

namespace ernie::verify {
namespace {

using Names = std::vector<std::string>;

TEST(RoundTo, AgreesWithTheStorageTypes) {
  Random random(1);
  for (int i = 0; i < 100000; ++i) {
    const auto x = static_cast<float>(random.normal() * std::exp2(random.between(-140, 120)));
    EXPECT_EQ(round_to(DType::kBF16, static_cast<double>(x)),
              static_cast<double>(to_float(to_bf16(x))))
        << x;
    const auto half = static_cast<float>(random.normal() * std::exp2(random.between(-28, 17)));
    EXPECT_EQ(round_to(DType::kF16, static_cast<double>(half)),
              static_cast<double>(to_float(to_f16(half))))
        << half;
  }
}

TEST(RoundTo, GoesToEvenAndOverflows) {
  EXPECT_EQ(round_to(DType::kBF16, 1 + 0x1p-8), 1);               // halfway, even below
  EXPECT_EQ(round_to(DType::kBF16, 1 + 3 * 0x1p-8), 1 + 0x1p-6);  // halfway, even above
  EXPECT_EQ(round_to(DType::kBF16, 0x1p-134), 0);                 // half the smallest
  EXPECT_EQ(round_to(DType::kBF16, 0x1.ffp127), INFINITY);        // halfway to 2^128
  EXPECT_EQ(round_to(DType::kF64, 1 + 0x1p-50), 1 + 0x1p-50);
}

TEST(ErrorMeter, MeasuresInBudgets) {
  ErrorMeter meter(DType::kF32);
  meter.add(7, 1.5, 1, 0.25);   // e = 2
  meter.add(8, 1.75, 2, 0.25);  // e = -1
  meter.add(9, 3, 3, 0.25);
  const ErrorSummary s = meter.summary();
  EXPECT_EQ(s.num_elements, 3);
  EXPECT_DOUBLE_EQ(s.emax, 2);
  EXPECT_DOUBLE_EQ(s.erms, std::sqrt(5.0 / 3));
  EXPECT_EQ(s.worst_index, 7);
  EXPECT_EQ(s.worst_got, 1.5);
  EXPECT_EQ(s.num_exact, 1);
  EXPECT_DOUBLE_EQ(s.max_abs, 0.5);
  EXPECT_DOUBLE_EQ(s.mare, 0.5);
  EXPECT_DOUBLE_EQ(s.mere, (0.5 + 0.125) / 3);
  EXPECT_DOUBLE_EQ(s.rmse, std::sqrt((0.25 + 0.0625) / 3));
  EXPECT_DOUBLE_EQ(s.nmse, (0.25 + 0.0625) / 14);
  EXPECT_FALSE(s.allclose);
  EXPECT_FALSE(s.mixed_passes);
  EXPECT_DOUBLE_EQ(s.max_ulp, 0.5 * 0x1p23);  // units around 1
}

TEST(ErrorMeter, WithoutABudgetOnlyEqualityPasses) {
  ErrorMeter meter(DType::kF32);
  meter.add(0, 1, 1, 0);
  EXPECT_EQ(failed_checks(meter.summary(), {0, 0}, false), Names{});
  meter.add(1, 1, std::nextafter(1.0, 2.0), 0);
  EXPECT_EQ(failed_checks(meter.summary(), {0, 0}, false), (Names{"emax", "erms"}));
}

TEST(ErrorMeter, NonFiniteMustMeetNonFinite) {
  ErrorMeter meter(DType::kF32);
  meter.add(0, NAN, INFINITY, 1);
  EXPECT_EQ(failed_checks(meter.summary(), {}, false), Names{});
  meter.add(5, NAN, 1, 1);
  meter.add(6, 2, NAN, 1);
  const ErrorSummary s = meter.summary();
  EXPECT_EQ(failed_checks(s, {}, false), Names{"nonfinite"});
  EXPECT_EQ(s.num_nonfinite_mismatches, 2);
  EXPECT_EQ(s.worst_index, 5);
}

/// n results of the truth 1 + x whose error is `error(i)` budgets.
template <typename Error>
ErrorSummary summary_of(int n, const Error& error) {
  ErrorMeter meter(DType::kF32);
  Random random(3);
  for (int i = 0; i < n; ++i) {
    const double want = random.normal();
    meter.add(i, want + error(i, want) * 1e-7, want, 1e-7);
  }
  return meter.summary();
}

TEST(FailedChecks, FindsABiasThatEachElementHides) {
  Random random(4);
  const Tolerance tolerance{2, 0.5, true};
  const auto noise = [&](int, double) { return 0.3 * random.normal(); };
  EXPECT_EQ(failed_checks(summary_of(5000, noise), tolerance, true), Names{});
  const auto biased = [&](int, double) { return 0.3 * random.normal() + 0.05; };
  EXPECT_EQ(failed_checks(summary_of(5000, biased), tolerance, true), Names{"bias"});
  EXPECT_EQ(failed_checks(summary_of(4000, biased), tolerance, true), Names{});  // too few to say
}

TEST(FailedChecks, FindsAGainThatEachElementHides) {
  Random random(5);
  const auto scaled = [&](int, double want) { return 0.2 * random.normal() + 0.1 * want; };
  EXPECT_EQ(failed_checks(summary_of(3000, scaled), {2, 0.5, true}, true), Names{"gain"});
  EXPECT_EQ(failed_checks(summary_of(3000, scaled), {2, 0.5, false}, true), Names{});
}

TEST(FailedChecks, EqualityIsSuspiciousWhereRoundingMustShow) {
  const auto none = [](int, double) { return 0.0; };
  EXPECT_EQ(failed_checks(summary_of(100, none), {}, true), Names{"too exact"});
  EXPECT_EQ(failed_checks(summary_of(100, none), {}, false), Names{});
  ErrorMeter zeros(DType::kF32);
  for (int i = 0; i < 100; ++i) zeros.add(i, 0, 0, 1e-30);
  EXPECT_EQ(failed_checks(zeros.summary(), {}, true), Names{});
}

TEST(FailedChecks, RmsNeedsEnoughElements) {
  const auto large = [](int i, double) { return i % 2 == 0 ? 0.9 : -0.9; };
  EXPECT_EQ(failed_checks(summary_of(63, large), {}, true), Names{});
  EXPECT_EQ(failed_checks(summary_of(64, large), {}, true), Names{"erms"});
}

TEST(Random, NormalHasTheRightMoments) {
  Random random(6);
  double sum = 0, squares = 0, fourth = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1, 0.015);
  EXPECT_NEAR(fourth / kDraws, 3, 0.15);
}

TEST(Random, IsAFunctionOfTheSeed) {
  Random a(1), b(1), c(2);
  const uint64_t first = a.bits();
  EXPECT_EQ(first, b.bits());
  EXPECT_NE(first, c.bits());
  EXPECT_NE(sub_seed(1, 2), sub_seed(1, 3));
  EXPECT_NE(sub_seed(1, 2), sub_seed(2, 2));
}

}  // namespace
}  // namespace ernie::verify
