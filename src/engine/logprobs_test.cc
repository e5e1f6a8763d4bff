#include "engine/logprobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "engine/row_math.h"

namespace ernie {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> normal_row(size_t size, float deviation, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> row(size);
  for (float& x : row) x = normal(random);
  return row;
}

/// Everything about a row, by sorting it whole.
struct Oracle {
  std::vector<int32_t> order;  // descending, lower ids first
  std::vector<double> logprob;

  explicit Oracle(const std::vector<float>& row) : order(row.size()), logprob(row.size()) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return row[static_cast<size_t>(a)] > row[static_cast<size_t>(b)];
    });
    const long double max = row[static_cast<size_t>(order[0])];
    long double sum = 0;
    for (const float x : row) sum += std::exp(x - max);
    for (size_t i = 0; i < row.size(); ++i) {
      logprob[i] = static_cast<double>(row[i] - max - std::log(sum));
    }
  }
};

void expect_near(double got, double expected) {
  if (std::isinf(static_cast<float>(expected))) {
    EXPECT_EQ(got, static_cast<float>(expected));
  } else {
    // Half a unit in the last place of the result, and the error of the sum.
    EXPECT_NEAR(got, expected, 3e-7 + 6e-8 * std::abs(expected));
  }
}

void expect_agrees(const std::vector<float>& row, size_t token, int32_t num_top) {
  const Oracle oracle(row);
  const auto got = compute_logprob(row, static_cast<int32_t>(token), num_top);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->token_id, static_cast<int32_t>(token));
  expect_near(got->logprob, oracle.logprob[token]);
  const auto place = std::find(oracle.order.begin(), oracle.order.end(), got->token_id);
  EXPECT_EQ(got->rank, 1 + (place - oracle.order.begin()));
  ASSERT_EQ(got->top.size(), std::min(static_cast<size_t>(num_top), row.size()));
  for (size_t i = 0; i < got->top.size(); ++i) {
    EXPECT_EQ(got->top[i].token_id, oracle.order[i]) << i;
    expect_near(got->top[i].logprob, oracle.logprob[static_cast<size_t>(oracle.order[i])]);
  }
}

TEST(Logprobs, AgreesWithSortingTheRow) {
  std::mt19937 random(1);
  for (const size_t size : {1, 2, 7, 19, 20, 21, 255, 256, 257, 513, 1001}) {
    for (const float deviation : {0.01f, 1.0f, 4.0f, 40.0f}) {
      const auto row = normal_row(size, deviation, static_cast<uint32_t>(size));
      for (const int32_t num_top : {0, 1, 5, 20}) expect_agrees(row, random() % size, num_top);
    }
  }
}

TEST(Logprobs, AgreesAtModelSize) {
  constexpr size_t kSize = 103'424;
  for (const float deviation : {1.0f, 4.0f}) {
    const auto row = normal_row(kSize, deviation, 2);
    const Oracle oracle(row);
    for (const size_t rank : {0, 1, 19, 20, 500, 50'000, 103'423}) {
      expect_agrees(row, static_cast<size_t>(oracle.order[rank]), 20);
    }
  }
  std::vector<float> row(kSize, 0.5f);
  expect_agrees(row, 70'001, 20);
  row[103'423] = 100;  // the last one, in a partial block
  expect_agrees(row, 103'423, 2);
  expect_agrees(row, 5, 2);
}

TEST(Logprobs, OrdersTiesById) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<float> row(300 + random() % 300);
    for (float& x : row) x = static_cast<float>(random() % 6);  // many of each value
    expect_agrees(row, random() % row.size(), static_cast<int32_t>(random() % 21));
  }
  // Zeros of both signs are one value.
  expect_agrees({-0.0f, 0.0f, -0.0f, 0.0f}, 2, 4);
}

TEST(Logprobs, TopAtRankIsTheToken) {
  const auto row = normal_row(600, 1, 4);
  const auto all = compute_logprob(row, 0, 600);
  for (int32_t token = 0; token < 600; ++token) {
    const auto one = compute_logprob(row, token, 0);
    EXPECT_TRUE(one->top.empty());
    EXPECT_EQ(all->top[static_cast<size_t>(one->rank - 1)].token_id, token);
    EXPECT_EQ(all->top[static_cast<size_t>(one->rank - 1)].logprob, one->logprob);
  }
}

TEST(Logprobs, KeepsFarLogitsApart) {
  expect_agrees({0, -500, -1000, -3e38f}, 3, 4);
  expect_agrees({3e38f, -3e38f, 1}, 1, 3);  // their difference is beyond float
  expect_agrees({1e4f, 1e4f + 1, 1e4f - 1}, 0, 3);
  expect_agrees({-1e4f, -1e4f + 1, -1e4f - 1}, 0, 3);
}

TEST(Logprobs, GivesMinusInfinityToMaskedTokens) {
  std::vector<float> row(300, -kInfinity);
  row[299] = 2;
  expect_agrees(row, 299, 3);
  expect_agrees(row, 17, 3);
}

TEST(Logprobs, RefusesInvalidRows) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {kNan, -kNan, kInfinity}) {
    for (const size_t at : {0, 255, 256, 298, 299}) {
      auto row = normal_row(300, 1, 5);
      row[at] = bad;
      const auto got = compute_logprob(row, 0, 3);
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error().code, ErrorCode::kCorruptData);
      EXPECT_NE(got.error().message.find(fmt::format("token {}", at)), std::string::npos);
    }
  }
  EXPECT_FALSE(compute_logprob(std::vector<float>(300, -kInfinity), 0, 3));
}

TEST(Logprobs, ExponentialIsWithinItsBound) {
  EXPECT_EQ(exp_nonpositive(0), 1.0f);
  EXPECT_EQ(clamp_exponent(-kInfinity), kLeastExponent);
  EXPECT_EQ(clamp_exponent(-79.5f), -79.5f);
  for (float x = 0; x >= kLeastExponent; x -= 0.0000731f) {
    const double expected = std::exp(static_cast<double>(x));
    const double unit = std::ldexp(1.0, std::ilogb(expected) - 23);
    ASSERT_NEAR(static_cast<double>(exp_nonpositive(x)), expected, 1.25 * unit) << x;
  }
}

}  // namespace
}  // namespace ernie
