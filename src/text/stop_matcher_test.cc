#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace ernie {
namespace {

struct Outcome {
  std::string text;
  std::optional<size_t> stop;
  bool operator==(const Outcome&) const = default;
};

// The definition, tried at every place: the first end, and there the longest.
Outcome naive(const std::vector<std::string>& stops, bool include_stop, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    std::optional<size_t> found;
    for (size_t i = 0; i < stops.size(); ++i) {
      const bool here = !stops[i].empty() && stops[i].size() <= end &&
                        text.compare(end - stops[i].size(), stops[i].size(), stops[i]) == 0;
      if (here && (!found || stops[i].size() > stops[*found].size())) found = i;
    }
    if (found) return {text.substr(0, end - (include_stop ? 0 : stops[*found].size())), found};
  }
  return {text, std::nullopt};
}

Outcome streamed(const std::vector<std::string>& stops, bool include_stop, const std::string& text,
                 uint32_t cuts) {
  StopMatcher matcher(stops, include_stop);
  Outcome outcome;
  size_t begin = 0;
  for (size_t end = 1; end <= text.size(); ++end) {
    if (end < text.size() && !(cuts >> (end - 1) & 1)) continue;
    const auto output = matcher.push(std::string_view(text).substr(begin, end - begin));
    outcome.text += output.text;
    if (output.stop && !outcome.stop) outcome.stop = output.stop;
    begin = end;
  }
  outcome.text += matcher.finish();
  return outcome;
}

TEST(StopMatcher, EqualsTheDefinitionForEverySplit) {
  std::mt19937 random(3);
  const auto random_string = [&](size_t max_length) {
    std::string text(random() % (max_length + 1), 'a');
    for (char& c : text) c = "aab"[random() % 3];
    return text;
  };
  for (int i = 0; i < 1500; ++i) {
    std::vector<std::string> stops;
    for (size_t n = random() % 4; n > 0; --n) stops.push_back(random_string(5));
    const std::string text = random_string(9);
    const bool include_stop = i % 2 == 0;
    const Outcome expected = naive(stops, include_stop, text);
    const uint32_t num_splits = text.size() < 2 ? 1 : 1u << (text.size() - 1);
    for (uint32_t cuts = 0; cuts < num_splits; ++cuts) {
      ASSERT_EQ(streamed(stops, include_stop, text, cuts), expected) << text << " " << cuts;
    }
  }
}

TEST(StopMatcher, HoldsBackOnlyWhatCouldStillBecomeAStop) {
  StopMatcher matcher({"\n\nUser:"}, false);
  EXPECT_EQ(matcher.push("Hello\n").text, "Hello");
  EXPECT_EQ(matcher.push("\nUs").text, "");
  EXPECT_EQ(matcher.push("e it").text, "\n\nUse it");
  EXPECT_EQ(matcher.push(".\n\nUser").text, ".");
  const auto output = matcher.push(": hi");
  EXPECT_EQ(output.text, "");
  EXPECT_EQ(output.stop, 0u);
  EXPECT_EQ(matcher.push("more").text, "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, EmptyStopStringsDoNothing) {
  StopMatcher matcher({"", "x"}, true);
  EXPECT_EQ(matcher.push("ab").text, "ab");
  const auto output = matcher.push("cxd");
  EXPECT_EQ(output.text, "cx");
  EXPECT_EQ(output.stop, 1u);
}

TEST(StopMatcher, LongStopStringsCostNoMoreTime) {
  // Each step falls back by one: quadratic if anything were copied or searched again.
  const std::string stop = std::string(1 << 19, 'a') + "b";
  StopMatcher matcher({stop}, false);
  size_t num_bytes = 0;
  for (int i = 0; i < 1 << 21; ++i) num_bytes += matcher.push("a").text.size();
  EXPECT_EQ(num_bytes, (1u << 21) - (1u << 19));
  EXPECT_EQ(matcher.push("b").stop, 0u);
}

}  // namespace
}  // namespace ernie
