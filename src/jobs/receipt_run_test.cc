#include "jobs/receipt_run.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

TEST(ReceiptRun, KindsLeaveOutWhichOne) {
  EXPECT_EQ(kind_of_finding("token 2: got id 6, recomputed id 5"), "token");
  EXPECT_EQ(kind_of_finding("token 2 (id 5): its logit: got 1"), "token");
  EXPECT_EQ(kind_of_finding("choices[0].text: got a, recomputed b"), "choices");
  EXPECT_EQ(kind_of_finding("temperature: changed after the receipt was made"), "temperature");
  EXPECT_EQ(kind_of_finding("usage.total_tokens: got 1, recomputed 2"), "usage");
  EXPECT_EQ(kind_of_finding("not valid JSON at byte 0: syntax error"), "line");
  EXPECT_EQ(kind_of_finding("cannot be computed again: x"), "line");
  EXPECT_EQ(kind_of_finding("2: x"), "line");
  EXPECT_EQ(kind_of_finding(""), "line");
}

TEST(ReceiptRun, KeepsTheFirstLinesWhateverComesFirst) {
  ReceiptRun run;
  const auto many = static_cast<int64_t>(kMaxListedLines) + 10;
  for (int64_t line = many; line >= 1; --line) {
    add_departing(run, {line, "1", {"token 1: a", "token 1: b", "usage: c"}});
  }
  EXPECT_EQ(run.counts.num_departing, many);
  ASSERT_EQ(run.departing.size(), kMaxListedLines);
  EXPECT_EQ(run.departing.front().line_number, 1);
  EXPECT_EQ(run.departing.back().line_number, static_cast<int64_t>(kMaxListedLines));
  EXPECT_EQ(run.kinds.at("token"), many) << "counted once a line";
  EXPECT_EQ(run.kinds.at("usage"), many);
}

TEST(ReceiptRun, PassesOnlyIfSomethingWasCheckedAndNothingDeparts) {
  ReceiptRun run;
  EXPECT_FALSE(run.passed()) << "nothing was checked";
  run.counts.num_receipts = run.counts.num_verified = run.counts.num_lines = 1;
  EXPECT_TRUE(run.passed());
  run.canary = ReceiptCanary{1, 0, "token 0 (id 5): its logit"};
  EXPECT_TRUE(run.passed());
  run.canary->finding.clear();
  EXPECT_FALSE(run.passed()) << "the check did not notice the canary";
  run.canary.reset();
  run.of_file.emplace_back("the file ends after 1 of 2 rows");
  EXPECT_FALSE(run.passed());
  run.of_file.clear();
  add_departing(run, {1, "", {"not valid JSON"}});
  EXPECT_FALSE(run.passed());
}

}  // namespace
}  // namespace ernie
