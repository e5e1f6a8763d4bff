#include "server/reasoning_counter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ernie {
namespace {

using Ids = std::vector<TokenId>;

TEST(ReasoningCounter, CountsUpToTheEndWhereverItIsCut) {
  const Ids ids{5, 6, 9, 7, 9, 8};
  for (size_t cut = 0; cut <= ids.size(); ++cut) {
    ReasoningCounter counter(9);
    const std::span<const TokenId> all(ids);
    const size_t first = counter.push(all.first(cut));
    EXPECT_EQ(first, std::min<size_t>(cut, 3));
    EXPECT_EQ(counter.push(all.subspan(cut)), 3 - first);
    EXPECT_EQ(counter.num_tokens(), 3);
  }
}

TEST(ReasoningCounter, AllOfAnAnswerThatDoesNotComeToTheEnd) {
  ReasoningCounter counter(9);
  EXPECT_EQ(counter.push(Ids{5, 6}), 2U);
  EXPECT_EQ(counter.num_tokens(), 2);
}

TEST(ReasoningCounter, NoneWithoutReasoning) {
  ReasoningCounter counter(std::nullopt);
  EXPECT_EQ(counter.push(Ids{5, 9}), 0U);
  EXPECT_EQ(counter.num_tokens(), 0);
}

}  // namespace
}  // namespace ernie
