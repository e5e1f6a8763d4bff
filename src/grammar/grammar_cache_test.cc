#include "grammar/grammar_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace ernie {
namespace {

TEST(GrammarCache, KeepsTheMostRecentlyUsed) {
  GrammarCache cache({.max_entries = 2});
  int num_compiled = 0;
  const auto get = [&](const std::string& pattern) {
    return cache.get(pattern, [&] {
      ++num_compiled;
      return compile_regex(pattern);
    });
  };
  const GrammarPtr first = get("a").value();
  EXPECT_EQ(get("a").value(), first);
  static_cast<void>(get("b"));
  static_cast<void>(get("a"));
  static_cast<void>(get("c"));  // "b" goes
  EXPECT_EQ(num_compiled, 3);
  EXPECT_EQ(get("a").value(), first);
  static_cast<void>(get("b"));
  EXPECT_EQ(num_compiled, 4);
  EXPECT_FALSE(get("("));
  EXPECT_FALSE(get("("));
  EXPECT_EQ(num_compiled, 6) << "errors are not kept";
  const GrammarCache::Counters counters = cache.counters();
  EXPECT_EQ(counters.num_entries, 2u);
  EXPECT_EQ(counters.num_misses, 6u);
  EXPECT_EQ(counters.num_hits, 3u);
}

TEST(GrammarCache, IsBoundedInBytes) {
  GrammarCache cache({.max_entries = 100, .max_bytes = 20'000});
  for (int i = 0; i < 50; ++i) {
    const std::string pattern = "x{" + std::to_string(i) + "}y";
    ASSERT_TRUE(cache.get(pattern, [&] { return compile_regex(pattern); }));
    EXPECT_LE(cache.counters().num_bytes, 20'000u);
  }
  EXPECT_LT(cache.counters().num_entries, 50u);
}

TEST(GrammarCache, EqualRequestsCompileOnce) {
  GrammarCache cache;
  std::atomic<int> num_compiled = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE(cache.get("a+", [&] {
        ++num_compiled;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        return compile_regex("a+");
      }));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_compiled, 1);
}

}  // namespace
}  // namespace ernie
