// The ways of computing and the requests that they compute.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "verify/determinism/determinism.h"

namespace ernie::verify::determinism {
namespace {

constexpr DeterminismOptions kOptions{.num_requests = 12, .max_model_len = 100, .seed = 3};
constexpr int64_t kTokenBytes = 24;

Variant make_base() {
  Variant base;
  base.backend.num_threads = 2;
  base.engine.block_size = 16;
  base.engine.max_num_seqs = 16;
  base.engine.max_num_batched_tokens = 512;
  base.engine.kv_cache_bytes = 1 << 20;
  return base;
}

std::vector<Variant> variants() { return make_variants(make_base(), "cpu", kOptions, kTokenBytes); }

/// Whether anything is computed in another way.
bool computes_alike(const Variant& a, const Variant& b) {
  return a.backend.num_threads == b.backend.num_threads && a.backend.isa == b.backend.isa &&
         a.backend.map_weights == b.backend.map_weights &&
         a.engine.max_num_seqs == b.engine.max_num_seqs &&
         a.engine.max_num_batched_tokens == b.engine.max_num_batched_tokens &&
         a.engine.block_size == b.engine.block_size &&
         a.engine.kv_cache_bytes == b.engine.kv_cache_bytes && a.arrival == b.arrival;
}

TEST(Variants, TheFirstTwoAreTheBaseAloneAndTheOthersAreOther) {
  const std::vector<Variant> all = variants();
  EXPECT_EQ(all[0].arrival, Arrival::kAlone);
  EXPECT_TRUE(computes_alike(all[0], all[1]));
  EXPECT_NE(all[0].name.en, all[1].name.en);
  for (size_t i = 2; i < all.size(); ++i) {
    EXPECT_FALSE(computes_alike(all[0], all[i])) << all[i].name.en << " " << all[i].settings;
    EXPECT_NE(all[i].settings, "") << all[i].name.en;
    EXPECT_FALSE(all[i].name.zh.empty()) << all[i].name.en;
  }
}

TEST(Variants, NoTwoHaveTheSameNameAndSettings) {
  std::set<std::string> seen;
  for (const Variant& v : variants()) {
    EXPECT_TRUE(seen.insert(v.name.en + " " + v.settings).second) << v.settings;
  }
}

// What the settings say is what a reader repeats by hand.
TEST(Variants, DoWhatTheirSettingsSay) {
  for (const Variant& v : variants()) {
    const auto says = [&](const std::string& flag, int64_t value) {
      const std::string words = " " + v.settings + " ";
      const size_t at = words.find(" " + flag + "=");
      return at == std::string::npos ||
             words.substr(at).starts_with(fmt::format(" {}={} ", flag, value));
    };
    EXPECT_TRUE(says("max-num-seqs", v.engine.max_num_seqs)) << v.settings;
    EXPECT_TRUE(says("max-num-batched-tokens", v.engine.max_num_batched_tokens)) << v.settings;
    EXPECT_TRUE(says("block-size", v.engine.block_size)) << v.settings;
    EXPECT_TRUE(says("kv-cache-memory-bytes", v.engine.kv_cache_bytes)) << v.settings;
    EXPECT_TRUE(says("threads", v.backend.num_threads)) << v.settings;
  }
}

// The flags may ask for few sequences and tokens; and how the base's own requests come is no
// matter.
TEST(Variants, HoldForASmallBaseThatComputesOtherwise) {
  Variant base = make_base();
  base.engine.max_num_seqs = base.engine.max_num_batched_tokens = 1;
  base.arrival = Arrival::kRandom;
  for (const Variant& v : make_variants(base, "cpu", kOptions, kTokenBytes)) {
    EXPECT_LE(v.engine.max_num_seqs, v.engine.max_num_batched_tokens) << v.settings;
    EXPECT_EQ(v.arrival == Arrival::kRandom, v.name.en.ends_with("random batches")) << v.settings;
  }
}

TEST(Variants, EveryInstructionSetOfTheDeviceIsTried) {
  std::set<std::string> want, got;
  for (const DeviceInfo& info : variants_of("cpu")) want.insert(info.variant);
  for (const Variant& v : variants()) {
    if (v.settings.starts_with("isa=")) got.insert(v.backend.isa);
  }
  EXPECT_EQ(got, want);
}

TEST(Variants, WeightsAreMappedWhereTheBaseCopiesThemAndTheOtherWayRound) {
  for (const bool mapped : {false, true}) {
    Variant base = make_base();
    base.backend.map_weights = mapped;
    int num_other = 0;
    for (const Variant& v : make_variants(base, "cpu", kOptions, kTokenBytes)) {
      num_other += v.backend.map_weights != mapped ? 1 : 0;
    }
    EXPECT_EQ(num_other, 1);
  }
}

// One context of tokens: two sequences that grow cannot both end in it.
TEST(Variants, TheLastOneHasACacheTooSmall) {
  const Variant last = variants().back();
  EXPECT_TRUE(last.must_preempt);
  EXPECT_EQ(last.engine.kv_cache_bytes, 100 * 24);
  EXPECT_GE(last.engine.max_num_batched_tokens, 100) << "both prompts begin together";
  for (const Variant& v : variants()) EXPECT_EQ(v.must_preempt, v.settings == last.settings);
}

TEST(GrowingRequests, FitWhenTheyBeginAndNotWhenTheyEnd) {
  ModelConfig config;
  config.vocab_size = 50;
  for (const int64_t max_model_len : {kMinModelLen, int64_t{100}, int64_t{256}}) {
    const auto requests =
        random_requests(config, {.num_requests = 2, .max_model_len = max_model_len, .seed = 9});
    int64_t begin = 0, end = 0;
    for (const GenerationRequest& request : requests) {
      begin += static_cast<int64_t>(request.prompt_ids.size());
      end += static_cast<int64_t>(request.prompt_ids.size()) + request.params.max_tokens;
      EXPECT_TRUE(request.params.ignore_eos) << "it must not end early";
      for (const TokenId id : request.prompt_ids) EXPECT_TRUE(id >= 0 && id < 50);
    }
    EXPECT_LE(begin, max_model_len);
    EXPECT_GT(end, max_model_len);
  }
}

TEST(RandomRequests, AreAFunctionOfTheSeedAndEachOfItsOwnNumber) {
  ModelConfig config;
  config.vocab_size = 1000;
  const auto prompts = [&](int64_t count, uint64_t seed) {
    std::vector<std::vector<TokenId>> all;
    for (const GenerationRequest& r :
         random_requests(config, {.num_requests = count, .max_model_len = 100, .seed = seed})) {
      all.push_back(r.prompt_ids);
    }
    return all;
  };
  const auto ten = prompts(10, 1), five = prompts(5, 1);
  EXPECT_EQ(ten, prompts(10, 1));
  EXPECT_NE(ten, prompts(10, 2));
  EXPECT_TRUE(std::equal(five.begin(), five.end(), ten.begin())) << "more requests change none";
  EXPECT_EQ(std::set(ten.begin(), ten.end()).size(), 10u);
}

}  // namespace
}  // namespace ernie::verify::determinism
