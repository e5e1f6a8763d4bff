// route and experts of the host kernels.

#include <gtest/gtest.h>

#include <cmath>

#include "backend/registry.h"
#include "verify/array.h"
#include "verify/faults/host_kernels.h"
#include "verify/ops/inputs.h"

namespace ernie::verify::host {
namespace {

using Ids = std::vector<int32_t>;

Mode with(Quirk quirk) { return {quirk, DType::kF64, DType::kF64}; }
const Mode kRight = with(Quirk::kNone);

Values random_values(int64_t count, Random& random) {
  return ops::make_values(ops::InputClass::kNormal, 1, count, DType::kF32, random);
}

void expect_near(const Values& got, const Values& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance) << i;
}

/// Two of four experts with the probabilities 1/2, 1/4, 1/8, 1/8.
Routing chosen(Values bias, Quirk quirk, float norm_min = 0) {
  const Values logits{std::log(4.0), std::log(2.0), 0, 0};
  return route(logits, bias, 2, norm_min, with(quirk));
}

void expect_routing(const Routing& got, const Ids& ids, const Values& weights) {
  EXPECT_EQ(got.ids, ids);
  expect_near(got.weights, weights, 1e-7);
}

TEST(HostRoute, TheBiasChoosesAndDoesNotWeigh) {
  const Values none(4), third{0, 0, 0.5, 0};  // with it the third expert's key is 5/8
  expect_routing(chosen(none, Quirk::kNone), {0, 1}, {2.0 / 3, 1.0 / 3});
  expect_routing(chosen(third, Quirk::kNone), {2, 0}, {0.2, 0.8});
  expect_routing(chosen(third, Quirk::kNoBias), {0, 1}, {2.0 / 3, 1.0 / 3});
  expect_routing(chosen(third, Quirk::kBiasedWeights), {2, 0}, {5.0 / 9, 4.0 / 9});
  expect_routing(chosen(third, Quirk::kNotNormalised), {2, 0}, {0.125, 0.5});
  expect_routing(chosen(third, Quirk::kSeventhForSixth), {2, 1}, {1.0 / 3, 2.0 / 3});
}

TEST(HostRoute, TheLowerIdWinsATie) {
  const Values last{-1, -1, 0, 0};
  expect_routing(chosen(last, Quirk::kNone), {2, 3}, {0.5, 0.5});
  expect_routing(chosen(last, Quirk::kHigherIdOnTie), {3, 2}, {0.5, 0.5});
}

TEST(HostRoute, TheSumOfTheWeightsHasALeastValue) {
  expect_routing(chosen(Values(4), Quirk::kNone, 2), {0, 1}, {0.25, 0.125});
}

TEST(HostRoute, LogitsInBfloat16Tie) {
  const Values logits{1, 1 + 0x1p-9}, none(2);
  EXPECT_EQ(route(logits, none, 1, 0, kRight).ids, Ids{1});
  EXPECT_EQ(route(logits, none, 1, 0, with(Quirk::kBf16Logits)).ids, Ids{0});
}

TEST(HostRoute, AgreesWithTheReference) {
  constexpr int64_t kTokens = 13, kExperts = 11, kChosen = 3;
  Random random(1);
  const Values logits = random_values(kTokens * kExperts, random),
               bias = random_values(kExperts, random);
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF64}).value();
  const OperandPtr vector =
      oracle
          ->prepare_vector(ops::host_matrix(bias, {kExperts}, DType::kF32), VectorUse::kRouterBias)
          .value();
  const Array in = upload(*oracle, logits, {kTokens, kExperts}, DType::kF32).value();
  const Array ids = poisoned(*oracle, {kTokens, kChosen}, DType::kI32).value();
  const Array weights = poisoned(*oracle, {kTokens, kChosen}, DType::kF32).value();
  oracle->route(in.tensor, *vector, 1e-12f, ids.tensor, weights.tensor);
  expect_routing(route(logits, bias, kChosen, 1e-12f, kRight),
                 download_ids(*oracle, ids.tensor).value(),
                 download(*oracle, weights.tensor).value());
}

// Experts of one number each; the SiLU of log 3 is 3/4 log 3.
const double kThree = std::log(3.0);
const Expert kFirst{{1}, {2}, {3}}, kSecond{{2}, {1}, {1}};

TEST(HostExperts, OneNumber) {
  const Routing routing{{0}, {0.5}};
  const auto of = [&](Quirk quirk) {
    return experts({kThree}, routing, 1, {kFirst, kSecond}, with(quirk));
  };
  const double whole = 0.75 * kThree * (2 * kThree) * 3;
  expect_near(of(Quirk::kNone), {0.5 * whole}, 1e-15);
  expect_near(of(Quirk::kWeightTwice), {0.25 * whole}, 1e-15);
  expect_near(of(Quirk::kWeightMissing), {whole}, 1e-15);
  expect_near(of(Quirk::kNoSilu), {0.5 * kThree * (2 * kThree) * 3}, 1e-14);
  EXPECT_EQ(of(Quirk::kGateUpSwapped),
            experts({kThree}, routing, 1, {{{2}, {1}, {3}}, kSecond}, kRight));
}

/// Two tokens that choose two of three experts of [7, 5].
struct Mixture {
  explicit Mixture(uint64_t seed) {
    Random random(seed);
    x = random_values(2 * 7, random);
    for (int e = 0; e < 3; ++e) {
      all.push_back(
          {random_values(35, random), random_values(35, random), random_values(35, random)});
    }
  }
  Values run(const Routing& chosen_experts, const Mode& mode) const {
    return experts(x, chosen_experts, 2, all, mode);
  }
  Values x;
  std::vector<Expert> all;
  Routing routing{{2, 0, 1, 2}, {0.25, 0.75, 0.5, 0.125}};
};

TEST(HostExperts, QuirksAreOtherChoicesOrInputs) {
  Mixture m(2);
  EXPECT_EQ(m.run(m.routing, with(Quirk::kNextExpert)),
            m.run({{0, 1, 2, 0}, m.routing.weights}, kRight));
  EXPECT_EQ(m.run(m.routing, with(Quirk::kLastExpertDropped)),
            m.run({m.routing.ids, {0.25, 0, 0.5, 0}}, kRight));
  const Values borrowed = m.run(m.routing, with(Quirk::kOtherTokensInput));
  const Values before = m.run(m.routing, kRight);
  std::copy_n(m.x.begin(), 7, m.x.begin() + 7);
  EXPECT_EQ(borrowed, m.run(m.routing, kRight));
  EXPECT_NE(borrowed, before);
}

// Of three numbers the order shows in the rounding.
TEST(HostExperts, AreSummedByIdInWhateverOrderTheyWereChosen) {
  const Mixture m(3);
  const auto sum = [&](const Routing& routing) {
    return experts(m.x, routing, 3, m.all, {Quirk::kNone, DType::kBF16, DType::kBF16});
  };
  const Values ascending = sum({{0, 1, 2, 0, 1, 2}, {0.25, 0.75, 0.5, 0.125, 1, 0.5}});
  EXPECT_EQ(sum({{2, 0, 1, 2, 1, 0}, {0.5, 0.25, 0.75, 0.5, 1, 0.125}}), ascending);
}

TEST(HostExperts, HiddenValuesAreTruncatedAndNotRounded) {
  // gate 32: its sigmoid is 1 within 2^-46; up is just below 1.
  const Expert expert{{32}, {1 - 0x1p-12}, {1}};
  const Values got = experts({1}, {{0}, {1}}, 1, {expert}, with(Quirk::kTruncatingStore));
  EXPECT_EQ(got, Values{32 - 0x1p-3});
}

TEST(HostExperts, AgreeWithTheReference) {
  const Mixture m(4);
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF64}).value();
  std::vector<ExpertMatrices> stored;
  for (const Expert& e : m.all) {
    stored.push_back({ops::host_matrix(e.gate, {5, 7}, DType::kF32),
                      ops::host_matrix(e.up, {5, 7}, DType::kF32),
                      ops::host_matrix(e.down, {7, 5}, DType::kF32)});
  }
  const OperandPtr operand = oracle->prepare_experts({3, 7, 5}, stored).value();
  const Array x = upload(*oracle, m.x, {2, 7}, DType::kF64).value();
  const Array ids = upload(*oracle, m.routing.ids, {2, 2}).value();
  const Array weights = upload(*oracle, m.routing.weights, {2, 2}, DType::kF32).value();
  const Array out = poisoned(*oracle, {2, 7}, DType::kF64).value();
  oracle->experts(x.tensor, ids.tensor, weights.tensor, *operand, 0, out.tensor);
  expect_near(m.run(m.routing, kRight), download(*oracle, out.tensor).value(), 1e-13);
}

}  // namespace
}  // namespace ernie::verify::host
