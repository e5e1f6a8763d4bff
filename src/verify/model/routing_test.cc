#include "verify/model/routing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ernie::verify::model {
namespace {

const std::vector<float> kNoBias(4, 0.0f);

Values matrix(int64_t rows, std::vector<double> data) {
  return {rows, static_cast<int64_t>(data.size()) / rows, std::move(data)};
}

TEST(Routing, TheOrderOfTheSameExpertsDoesNotMatter) {
  const Values logits = matrix(1, {4, 3, 2, 1}), a = matrix(1, {0, 1}), b = matrix(1, {1, 0});
  const RoutingAgreement r = compare_routing({logits, b}, {logits, a}, kNoBias);
  EXPECT_EQ(r.num_decisions, 1);
  EXPECT_EQ(r.num_different, 0);
}

TEST(Routing, TheSameLogitsExcuseNothing) {
  const Values logits = matrix(1, {4, 3, 2, 1}), truth = matrix(1, {0, 1}),
               other = matrix(1, {0, 2});
  const RoutingAgreement r = compare_routing({logits, other}, {logits, truth}, kNoBias);
  EXPECT_EQ(r.num_different, 1);
  EXPECT_EQ(r.num_wrong, 1);
  EXPECT_EQ(r.worst_token, 0);
  const double sum = std::exp(4) + std::exp(3) + std::exp(2) + std::exp(1);
  EXPECT_NEAR(r.largest_margin, (std::exp(3) - std::exp(2)) / sum, 1e-12);
  EXPECT_NEAR(r.smallest_gap, (std::exp(3) - std::exp(2)) / sum, 1e-12);
}

// Two logits 1e-4 apart that both sides may have moved by 1e-4: either choice is right.
TEST(Routing, AMarginWithinTheErrorOfTheLogitsIsExplained) {
  const Values want = matrix(1, {4, 3, 2.9999, 1}), got = matrix(1, {4, 2.9999, 3, 1});
  const Values truth = matrix(1, {0, 1}), other = matrix(1, {0, 2});
  const RoutingAgreement r = compare_routing({got, other}, {want, truth}, kNoBias);
  EXPECT_EQ(r.num_different, 1);
  EXPECT_EQ(r.num_wrong, 0);
  EXPECT_LT(r.worst_excess, 1);
}

TEST(Routing, TheBiasDecidesWhatIsClose) {
  const Values logits = matrix(1, {4, 3, 3, 1}), truth = matrix(1, {0, 1}),
               other = matrix(1, {0, 2});
  EXPECT_EQ(compare_routing({logits, other}, {logits, truth}, kNoBias).num_wrong, 0);
  EXPECT_EQ(compare_routing({logits, other}, {logits, truth}, {0, 0.01f, 0, 0}).num_wrong, 1);
}

TEST(Routing, AnExpertChosenTwiceOrOneThatDoesNotExistIsWrong) {
  const Values logits = matrix(1, {4, 3, 2, 1}), truth = matrix(1, {0, 1});
  EXPECT_EQ(compare_routing({logits, matrix(1, {0, 0})}, {logits, truth}, kNoBias).num_wrong, 1);
  EXPECT_EQ(compare_routing({logits, matrix(1, {0, 9})}, {logits, truth}, kNoBias).num_wrong, 1);
}

TEST(Routing, WeightsAreAlignedByExpertAndOnlyWhereTheExpertsAreTheSame) {
  const Values want_ids = matrix(2, {0, 1, 2, 3}), want = matrix(2, {0.6, 0.4, 0.7, 0.3});
  const Values got_ids = matrix(2, {1, 0, 2, 1}), got = matrix(2, {0.41, 0.59, 0.7, 0.3});
  const AlignedWeights both = align_weights(got_ids, got, want_ids, want);
  EXPECT_EQ(both.got.rows, 1);
  EXPECT_EQ(both.got.data, (std::vector<double>{0.59, 0.41}));
  EXPECT_EQ(both.want.data, (std::vector<double>{0.6, 0.4}));
  EXPECT_EQ(num_tokens_alike(got_ids, want_ids), 1);
  EXPECT_EQ(num_tokens_alike(want_ids, want_ids), 2);
}

}  // namespace
}  // namespace ernie::verify::model
