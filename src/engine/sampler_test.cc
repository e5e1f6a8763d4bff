#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "base/rng.h"

namespace ernie {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();

/// Logits that need no library function, so that recorded draws hold on every machine.
std::vector<float> portable_row(size_t size) {
  std::vector<float> row(size);
  for (size_t i = 0; i < size; ++i) {
    row[i] = static_cast<float>(i * 2654435761u % 4096u) / 512.0f - 4.0f;
  }
  return row;
}

std::vector<float> normal_row(size_t size, float deviation, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> row(size);
  for (float& x : row) x = normal(random);
  return row;
}

/// One sequence's whole sampling problem, owning what a SamplerRow borrows.
struct Problem {
  std::vector<float> logits;
  SamplingParams params = {};
  std::vector<int32_t> prompt_ids = {}, output_ids = {}, end_ids = {};
  bool forbid_end = false;
  std::vector<uint64_t> allowed = {};

  Result<int32_t> sample(Sampler& sampler, uint64_t draw_index = 0) const {
    PenaltyState history(prompt_ids);
    for (const int32_t id : output_ids) history.add_output(id);
    return sampler.sample({logits, &params, &history, draw_index, forbid_end, end_ids, allowed});
  }
  int32_t token(uint64_t draw_index = 0) const {
    Sampler sampler;
    const auto result = sample(sampler, draw_index);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : -1;
  }
  std::vector<int> counts(int num_draws) const {
    Sampler sampler;
    std::vector<int> counts(logits.size());
    for (int i = 0; i < num_draws; ++i) {
      ++counts[static_cast<size_t>(*sample(sampler, static_cast<uint64_t>(i)))];
    }
    return counts;
  }
  std::set<int32_t> drawn(int num_draws) const {
    const auto all = counts(num_draws);
    std::set<int32_t> ids;
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i] > 0) ids.insert(static_cast<int32_t>(i));
    }
    return ids;
  }
};

/// The definition, followed step by step over whole sorted lists in wide arithmetic.
class Oracle {
 public:
  struct Candidate {
    int32_t id;
    double logit;
    long double probability;
  };

  /// nudge: relative change of every threshold, to find out which tokens rounding may choose.
  explicit Oracle(const Problem& problem, double nudge = 0) {
    const SamplingParams& p = problem.params;
    std::vector<double> logits = edited_logits(problem);
    for (size_t i = 0; i < logits.size(); ++i) {
      candidates_.push_back({static_cast<int32_t>(i), logits[i], 0});
    }
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const auto& a, const auto& b) { return a.logit > b.logit; });
    if (p.temperature == 0) candidates_.resize(1);
    const double max = candidates_[0].logit;
    for (auto& c : candidates_) {
      const long double temperature = p.temperature == 0 ? 1 : p.temperature;
      c.probability = std::exp((static_cast<long double>(c.logit) - max) / temperature);
    }
    const double min_p = p.min_p * (1 + nudge);
    std::erase_if(candidates_, [&](const auto& c) { return c.probability < min_p; });
    const auto top_k = static_cast<size_t>(p.top_k);
    if (p.top_k > 0 && candidates_.size() > top_k) candidates_.resize(top_k);
    normalize();
    if (p.top_p < 1) {
      long double mass = 0;
      size_t num_kept = 0;
      while (num_kept < candidates_.size() && (num_kept == 0 || mass < p.top_p * (1 + nudge))) {
        mass += candidates_[num_kept++].probability;
      }
      candidates_.resize(num_kept);
      normalize();
    }
  }

  const std::vector<Candidate>& candidates() const { return candidates_; }

  int32_t at(double uniform) const {
    long double mass = 0;
    for (const auto& c : candidates_) {
      mass += c.probability;
      if (uniform < mass) return c.id;
    }
    return candidates_.back().id;
  }

 private:
  static std::vector<double> edited_logits(const Problem& problem) {
    const SamplingParams& p = problem.params;
    std::vector<double> logits(problem.logits.begin(), problem.logits.end());
    for (const auto& [id, bias] : p.logit_bias) logits[static_cast<size_t>(id)] += bias;
    if (problem.forbid_end) {
      for (const int32_t id : problem.end_ids) logits[static_cast<size_t>(id)] = -kInfinity;
    }
    std::set<int32_t> seen(problem.prompt_ids.begin(), problem.prompt_ids.end());
    seen.insert(problem.output_ids.begin(), problem.output_ids.end());
    for (const int32_t id : seen) {
      double& x = logits[static_cast<size_t>(id)];
      x = x < 0 ? x * p.repetition_penalty : x / p.repetition_penalty;
    }
    for (const int32_t id : problem.output_ids) {
      logits[static_cast<size_t>(id)] -= p.frequency_penalty;
    }
    const std::set<int32_t> output(problem.output_ids.begin(), problem.output_ids.end());
    for (const int32_t id : output) logits[static_cast<size_t>(id)] -= p.presence_penalty;
    return logits;
  }

  void normalize() {
    long double sum = 0;
    for (const auto& c : candidates_) sum += c.probability;
    for (auto& c : candidates_) c.probability /= sum;
  }

  std::vector<Candidate> candidates_;
};

Problem random_problem(std::mt19937& random, size_t size) {
  const auto one_of = [&](std::initializer_list<float> values) {
    return values.begin()[random() % values.size()];
  };
  const auto ids = [&](size_t max_count) {
    std::vector<int32_t> result(random() % (max_count + 1));
    for (int32_t& id : result) id = static_cast<int32_t>(random() % size);
    return result;
  };
  Problem problem{normal_row(size, one_of({0.1f, 1, 4}), static_cast<uint32_t>(random()))};
  SamplingParams& p = problem.params;
  p.temperature = one_of({0, 0.3f, 0.8f, 1, 2, 20});
  p.top_k = static_cast<int32_t>(one_of({0, -1, 1, 2, 5, 40, 1000}));
  p.top_p = one_of({1, 1, 0.99f, 0.9f, 0.5f, 0.01f});
  p.min_p = one_of({0, 0, 0.001f, 0.1f, 0.7f});
  p.repetition_penalty = one_of({1, 1, 0.7f, 1.3f});
  p.presence_penalty = one_of({0, 0, 0.5f, -1});
  p.frequency_penalty = one_of({0, 0, 0.3f, -0.7f});
  p.seed = random();
  problem.prompt_ids = ids(50);
  problem.output_ids = ids(50);
  const auto biased = ids(3);
  const std::set<int32_t> once(biased.begin(), biased.end());
  for (const int32_t id : once) p.logit_bias.emplace_back(id, one_of({-100, -1, 1, 3}));
  if (size > 4) problem.end_ids = ids(2);
  problem.forbid_end = random() % 2 == 0;
  return problem;
}

TEST(Sampler, AgreesWithTheDefinition) {
  std::mt19937 random(1);
  Sampler sampler;
  int num_draws = 0, num_equal = 0;
  for (const size_t size : {1, 2, 3, 10, 255, 256, 257, 1000, 3001}) {
    for (int trial = 0; trial < 300; ++trial) {
      const Problem problem = random_problem(random, size);
      const uint64_t draw_index = random() % 1000;
      const auto got = problem.sample(sampler, draw_index);
      ASSERT_TRUE(got) << got.error().message;
      const double uniform =
          philox_uniform(problem.params.seed, Sampler::kSamplingStream, draw_index);
      const int32_t exact = Oracle(problem).at(uniform);
      ++num_draws;
      num_equal += *got == exact;
      if (*got == exact) continue;
      std::set<int32_t> allowed;
      for (const double nudge : {-2e-6, 0.0, 2e-6}) {
        const Oracle oracle(problem, nudge);
        for (const double shift : {-2e-6, 0.0, 2e-6}) allowed.insert(oracle.at(uniform + shift));
      }
      EXPECT_TRUE(allowed.contains(*got)) << "size " << size << " trial " << trial;
    }
  }
  EXPECT_GE(num_equal, num_draws - 3);  // differences are rounding, so they are rare
}

TEST(Sampler, AgreesAtModelSize) {
  std::mt19937 random(2);
  Sampler sampler;
  for (int trial = 0; trial < 12; ++trial) {
    const Problem problem = random_problem(random, 103'424);
    const auto got = problem.sample(sampler, 3);
    ASSERT_TRUE(got);
    const double uniform = philox_uniform(problem.params.seed, Sampler::kSamplingStream, 3);
    std::set<int32_t> allowed;
    for (const double nudge : {-1e-5, 0.0, 1e-5}) {
      const Oracle oracle(problem, nudge);
      for (const double shift : {-1e-5, 0.0, 1e-5}) allowed.insert(oracle.at(uniform + shift));
    }
    EXPECT_TRUE(allowed.contains(*got)) << trial;
  }
}

void expect_distribution(const Problem& problem, int num_draws) {
  const auto counts = problem.counts(num_draws);
  const Oracle oracle(problem);
  double statistic = 0;
  int num_seen = 0;
  for (const auto& c : oracle.candidates()) {
    const double expected = static_cast<double>(c.probability) * num_draws;
    const int count = counts[static_cast<size_t>(c.id)];
    num_seen += count;
    statistic += (count - expected) * (count - expected) / expected;
  }
  EXPECT_EQ(num_seen, num_draws) << "tokens that should have been cut were drawn";
  const auto freedom = static_cast<double>(oracle.candidates().size() - 1);
  // Six deviations above the mean; the square root of a chi-square variable is nearly normal.
  const double bound = std::pow(std::sqrt(freedom) + 6 / std::sqrt(2.0), 2);
  EXPECT_LT(statistic, bound);
}

TEST(Sampler, DrawsFollowTheProbabilities) {
  SamplingParams params;
  params.seed = 11;
  expect_distribution({{0, 1, 2, -1, 0.5f, 1}, params}, 60'000);
  params.temperature = 0.5f;
  expect_distribution({{0, 1, 2, -1, 0.5f, 1}, params}, 60'000);
  params.temperature = 3;
  expect_distribution({{0, 1, 2, -1, 0.5f, 1}, params}, 60'000);
  params.top_k = 4;
  expect_distribution({{0, 1, 2, -1, 0.5f, 1}, params}, 30'000);
  params.top_p = 0.7f;
  expect_distribution({{0, 1, 2, -1, 0.5f, 1}, params}, 30'000);
  params = {};
  params.min_p = 0.2f;
  expect_distribution({{0, 1, 2, -1, 0.5f, 1}, params}, 30'000);
  params = {};
  expect_distribution({normal_row(300, 1, 3), params}, 60'000);
}

TEST(Sampler, DrawsUniformlyAtAnEnormousTemperature) {
  for (const float temperature : {1e6f, 1e30f, kLargest}) {
    Problem problem{{-3, 0, 4, 1, 1}};
    problem.params.temperature = temperature;
    expect_distribution(problem, 30'000);
    problem.logits[1] = -kInfinity;
    EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{0, 2, 3, 4}));
  }
}

TEST(Sampler, IsGreedyAtATinyTemperature) {
  for (const float temperature : {1e-4f, 1e-30f, std::numeric_limits<float>::denorm_min()}) {
    Problem problem{{1, 2, 1.999f, -kInfinity, -3e38f}};
    problem.params.temperature = temperature;
    EXPECT_EQ(problem.drawn(100), std::set<int32_t>{1});
    problem.logits[4] = 2;
    EXPECT_EQ(problem.drawn(100), (std::set<int32_t>{1, 4}));
    problem.logits.assign(20'000, 2);
    EXPECT_GT(*problem.drawn(100).rbegin(), 19'000);
  }
}

TEST(Sampler, GreedyTakesTheLowestIdOfATie) {
  std::mt19937 random(4);
  for (const size_t size : {1, 2, 255, 256, 257, 600, 103'424}) {
    for (int trial = 0; trial < 20; ++trial) {
      Problem problem{std::vector<float>(size)};
      problem.params.temperature = 0;
      for (float& x : problem.logits) x = static_cast<float>(random() % 100) - 200;
      const auto max = std::max_element(problem.logits.begin(), problem.logits.end());
      EXPECT_EQ(problem.token(), max - problem.logits.begin());
    }
  }
  Problem zeros{{-1, -0.0f, 0.0f}};
  zeros.params.temperature = 0;
  EXPECT_EQ(zeros.token(), 1);
}

TEST(Sampler, ReplaysRecordedDraws) {
  Problem problem{portable_row(5000)};
  problem.params.seed = 0x1234'5678'9abc'def0;
  const auto draws = [&] {
    std::vector<int32_t> ids;
    for (const uint64_t index : {0ull, 1ull, 2ull, 7ull, 100'000ull}) {
      ids.push_back(problem.token(index));
    }
    return ids;
  };
  EXPECT_EQ(draws(), (std::vector<int32_t>{3150, 1745, 264, 3987, 1887}));
  problem.params.temperature = 0.7f;
  problem.params.top_p = 0.9f;
  problem.params.top_k = 300;
  EXPECT_EQ(draws(), (std::vector<int32_t>{4796, 2204, 241, 4550, 279}));
  problem.params.top_k = 0;
  problem.params.min_p = 0.05f;
  EXPECT_EQ(draws(), (std::vector<int32_t>{1575, 662, 4157, 908, 4304}));
}

TEST(Sampler, DoesNotDependOnWhatWasSampledBefore) {
  std::mt19937 random(5);
  Sampler shared;
  std::vector<Problem> problems;
  for (int i = 0; i < 50; ++i) problems.push_back(random_problem(random, 1 + random() % 2000));
  std::vector<int32_t> alone;
  for (const Problem& problem : problems) alone.push_back(problem.token(9));
  for (int round = 0; round < 200; ++round) {
    const size_t i = random() % problems.size();
    EXPECT_EQ(*problems[i].sample(shared, 9), alone[i]);
  }
}

TEST(Sampler, SeedAndIndexMakeTheDraw) {
  Problem problem{std::vector<float>(1000, 0.0f)};
  std::set<int32_t> by_index = problem.drawn(100), by_seed;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    problem.params.seed = seed << 32 | 1;
    by_seed.insert(problem.token());
  }
  EXPECT_GT(by_index.size(), 80u);
  EXPECT_GT(by_seed.size(), 80u);
}

TEST(Sampler, TopKKeepsExactlyKAndTheLowerIdsOfATie) {
  Problem problem{{1, 1, 2, 1, 1, 0}};
  problem.params.top_k = 3;
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{0, 1, 2}));
  for (const int32_t all : {0, -1, 6, 7, std::numeric_limits<int32_t>::max()}) {
    problem.params.top_k = all;
    EXPECT_EQ(problem.drawn(1000).size(), 6u) << all;
  }
  problem.params.top_k = 1;
  problem.params.temperature = 100;
  EXPECT_EQ(problem.drawn(100), std::set<int32_t>{2});
  // k counts candidates, not those that min_p has dropped.
  problem.params = {};
  problem.params.top_k = 5;
  problem.params.min_p = 0.3f;
  EXPECT_EQ(problem.drawn(1000), (std::set<int32_t>{0, 1, 2, 3, 4}));
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  Problem problem{{0, 0, 0, 0}};
  const auto num_kept = [&](float top_p) {
    problem.params.top_p = top_p;
    const auto ids = problem.drawn(300);
    EXPECT_EQ(*ids.rbegin(), static_cast<int32_t>(ids.size()) - 1) << "not the lowest ids";
    return ids.size();
  };
  EXPECT_EQ(num_kept(std::numeric_limits<float>::denorm_min()), 1u);
  EXPECT_EQ(num_kept(0.25f), 1u);
  EXPECT_EQ(num_kept(std::nextafter(0.25f, 1.0f)), 2u);
  EXPECT_EQ(num_kept(0.5f), 2u);
  EXPECT_EQ(num_kept(0.75f), 3u);
  EXPECT_EQ(num_kept(std::nextafter(1.0f, 0.0f)), 4u);
  EXPECT_EQ(num_kept(1), 4u);
}

TEST(Sampler, MinPComparesWithTheLikeliest) {
  Problem problem{{0, -1, -2, 0}};  // shares 1, 0.368, 0.135, 1
  problem.params.min_p = 0.36f;
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{0, 1, 3}));
  problem.params.min_p = 0.37f;
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{0, 3}));
  problem.params.min_p = 1;
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{0, 3}));
  problem.params.min_p = 0.36f;
  problem.params.temperature = 0.5f;  // shares 1, 0.135, 0.018, 1
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{0, 3}));
}

TEST(Sampler, MinPAndTopKComeBeforeTopP) {
  const float log2 = std::log(2.0f);
  Problem problem{{2 * log2, log2, log2, 0, 0}};  // probabilities 0.4, 0.2, 0.2, 0.1, 0.1
  problem.params.top_p = 0.45f;
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{0, 1}));
  problem.params.min_p = 0.4f;  // leaves 0.5, 0.25, 0.25
  EXPECT_EQ(problem.drawn(300), std::set<int32_t>{0});
  problem.params.min_p = 0;
  problem.params.top_k = 3;
  EXPECT_EQ(problem.drawn(300), std::set<int32_t>{0});
}

TEST(Sampler, RepetitionPenaltyIsThatOfHuggingFace) {
  Problem problem{{2, 1.5f, -3}};
  problem.params.temperature = 0;
  problem.params.repetition_penalty = 2;
  EXPECT_EQ(problem.token(), 0);
  problem.prompt_ids = {0};  // 2 / 2
  EXPECT_EQ(problem.token(), 1);
  problem.prompt_ids = {};
  problem.output_ids = {0, 0, 0};  // once, however often
  EXPECT_EQ(problem.token(), 1);
  problem.logits[1] = 0.9f;
  EXPECT_EQ(problem.token(), 0);
  problem.logits = {-1, -1.5f, -3};
  EXPECT_EQ(problem.token(), 1);  // -1 * 2
  problem.logits = {-1, -1.5f, -2.5f};
  problem.output_ids = {0, 1};
  problem.params.repetition_penalty = 0.5f;
  EXPECT_EQ(problem.token(), 0);
}

TEST(Sampler, PresenceAndFrequencyCountTheOutputOnly) {
  Problem problem{{2, 1.5f, 0}};
  problem.params.temperature = 0;
  problem.params.presence_penalty = 0.6f;
  problem.prompt_ids = {0, 0};
  EXPECT_EQ(problem.token(), 0);
  problem.output_ids = {0};
  EXPECT_EQ(problem.token(), 1);
  problem.logits[0] = 2.2f;
  problem.output_ids = {0, 0, 0};  // presence does not grow
  EXPECT_EQ(problem.token(), 0);
  problem.params.presence_penalty = 0;
  problem.params.frequency_penalty = 0.3f;  // 2.2 - 0.9
  EXPECT_EQ(problem.token(), 1);
  problem.output_ids = {0, 0};  // 2.2 - 0.6
  EXPECT_EQ(problem.token(), 0);
  problem.params.frequency_penalty = -2;
  problem.output_ids = {2, 2};  // 0 + 4
  EXPECT_EQ(problem.token(), 2);
}

TEST(Sampler, PenaltiesThatOverflowStillLeaveCandidates) {
  for (const float penalty : {std::numeric_limits<float>::denorm_min(), kLargest}) {
    for (const float temperature : {0.0f, 1.0f}) {
      Problem problem{{1e10f, -1e10f, 0, 5}};
      problem.params.repetition_penalty = penalty;
      problem.params.presence_penalty = problem.params.frequency_penalty = 2;
      problem.params.temperature = temperature;
      problem.output_ids = {0, 1, 2, 3, 3};
      EXPECT_GE(problem.token(), 0);
    }
  }
  Problem all_negative{{-1e10f, -1e10f}};
  all_negative.params.repetition_penalty = kLargest;
  all_negative.prompt_ids = {0, 1};
  EXPECT_EQ(all_negative.drawn(100), (std::set<int32_t>{0, 1}));
}

TEST(Sampler, LogitBiasAddsBeforeEverything) {
  Problem problem{{0, 1, 20, -5}};
  problem.params.temperature = 0;
  problem.params.logit_bias = {{3, 100.0f}};
  EXPECT_EQ(problem.token(), 3);
  problem.params.logit_bias = {{2, -100.0f}};
  EXPECT_EQ(problem.token(), 1);
  problem.params.logit_bias = {{2, -100.0f}, {0, 1.5f}};
  EXPECT_EQ(problem.token(), 0);
  problem.params.temperature = 1;
  problem.params.logit_bias = {{3, 100.0f}};
  EXPECT_EQ(problem.drawn(200), std::set<int32_t>{3});
  // Before the repetition penalty: (-1 + 3) / 2 > 0.9, where -1 * 2 + 3 = 1 > 0.9 would too, but
  // (1 - 3) * 2 < -3 and 1 / 2 - 3 > -3.
  problem = {{1, -3}};
  problem.params.temperature = 0;
  problem.params.repetition_penalty = 2;
  problem.params.logit_bias = {{0, -3.0f}};
  problem.prompt_ids = {0};
  EXPECT_EQ(problem.token(), 1);
}

TEST(Sampler, ForbidsTheEndWhateverElseSpeaksForIt) {
  Problem problem{{0, 9, 8, 1}};
  problem.end_ids = {1, 2, -5, 4, std::numeric_limits<int32_t>::max()};
  problem.params.logit_bias = {{1, 100.0f}};
  for (const float temperature : {0.0f, 1.0f}) {
    problem.params.temperature = temperature;
    problem.forbid_end = true;
    const auto without = problem.drawn(200);
    EXPECT_FALSE(without.contains(1) || without.contains(2));
    problem.forbid_end = false;
    EXPECT_EQ(problem.drawn(200), std::set<int32_t>{1});
    Problem one_end{{0, 9}};
    one_end.params.temperature = temperature;
    one_end.end_ids = {1};
    one_end.forbid_end = true;
    EXPECT_EQ(one_end.drawn(200), std::set<int32_t>{0});
  }
}

TEST(Sampler, NeverDrawsMinusInfinity) {
  Problem problem{std::vector<float>(1000, -kInfinity)};
  problem.logits[700] = -1000;
  problem.logits[3] = -1001;
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{3, 700}));
  problem.params.top_p = 0.999f;
  problem.params.top_k = 900;
  EXPECT_EQ(problem.drawn(300), (std::set<int32_t>{3, 700}));
}

TEST(Sampler, InvalidRowsFailAloneAndSayWhere) {
  Sampler sampler;
  const Problem good{portable_row(600)};
  const auto expected = good.token();
  for (const float bad : {kNan, -kNan, kInfinity}) {
    for (const size_t at : {0, 255, 256, 599}) {
      for (const float temperature : {0.0f, 1.0f}) {
        Problem problem = good;
        problem.params.temperature = temperature;
        problem.logits[at] = bad;
        for (const bool edited : {false, true}) {
          if (edited) {  // no edit hides the defect
            problem.forbid_end = true;
            problem.end_ids = {static_cast<int32_t>(at)};
            problem.params.repetition_penalty = 2;
            problem.prompt_ids = problem.end_ids;
          }
          const auto got = problem.sample(sampler);
          ASSERT_FALSE(got) << at;
          EXPECT_EQ(got.error().code, ErrorCode::kCorruptData);
          EXPECT_NE(got.error().message.find(fmt::format("token {}", at)), std::string::npos);
        }
        EXPECT_EQ(*good.sample(sampler), expected);
      }
    }
  }
}

TEST(Sampler, RefusesARowWithoutCandidates) {
  Sampler sampler;
  Problem problem{std::vector<float>(300, -kInfinity)};
  EXPECT_FALSE(problem.sample(sampler));
  problem = {{1, 2}};
  problem.end_ids = {0, 1};
  problem.forbid_end = true;
  EXPECT_FALSE(problem.sample(sampler));
  problem.params.temperature = 0;
  EXPECT_FALSE(problem.sample(sampler));
}

TEST(PenaltyState, CountsLikeAMap) {
  std::mt19937 random(8);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<int32_t> prompt_ids(random() % 40);
    for (int32_t& id : prompt_ids) id = static_cast<int32_t>(random() % 60);
    PenaltyState state(prompt_ids);
    std::map<int32_t, int32_t> expected;
    for (const int32_t id : prompt_ids) expected[id] = 0;
    for (int i = 0; i < 60; ++i) {
      const auto id = static_cast<int32_t>(random() % 80);
      state.add_output(id);
      ++expected[id];
    }
    std::vector<std::pair<int32_t, int32_t>> got;
    for (const auto& [id, count] : state.entries()) got.emplace_back(id, count);
    EXPECT_EQ(got, (std::vector<std::pair<int32_t, int32_t>>(expected.begin(), expected.end())));
  }
}

TEST(Sampler, WhatIsNotAllowedIsNeverDrawn) {
  Problem problem{normal_row(200, 2.0f, 5)};
  problem.params.temperature = 10;
  problem.params.logit_bias = {{7, 100.0f}, {130, 3.0f}};
  problem.params.presence_penalty = -2.0f;
  problem.output_ids = {7, 8};
  problem.allowed = {0, 0x5, 0xF0, 0};  // 64, 66, 132 to 135
  const std::set<int32_t> allowed = {64, 66, 132, 133, 134, 135};
  std::set<int32_t> drawn;
  for (uint64_t i = 0; i < 400; ++i) drawn.insert(problem.token(i));
  EXPECT_EQ(drawn, allowed);
  problem.params.temperature = 0;
  EXPECT_TRUE(allowed.contains(problem.token()));

  problem.allowed = {0, 0, 0, 0};
  Sampler sampler;
  EXPECT_FALSE(problem.sample(sampler)) << "there is no candidate";
  problem.allowed = {1, 0, 0, 0};
  problem.logits[100] = kNan;
  EXPECT_FALSE(problem.sample(sampler)) << "a broken row must not pass because it is cut";
}

}  // namespace
}  // namespace ernie
