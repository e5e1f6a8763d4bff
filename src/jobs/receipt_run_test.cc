#include "jobs/receipt_run.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

TEST(ReceiptRun, KeepsTheFirstLinesWhateverComesFirst) {
  ReceiptRun run;
  const auto many = static_cast<int64_t>(kMaxListedLines) + 10;
  for (int64_t line = many; line >= 1; --line) {
    add_departing(run, {line, "1", {{"token", "token 1: a"}, {"token", "token 1: b"}, {"", "c"}}});
  }
  EXPECT_EQ(run.counts.num_departing, many);
  ASSERT_EQ(run.departing.size(), kMaxListedLines);
  EXPECT_EQ(run.departing.front().line_number, 1);
  EXPECT_EQ(run.departing.back().line_number, static_cast<int64_t>(kMaxListedLines));
  EXPECT_EQ(run.kinds.at("token"), many) << "counted once a line";
  EXPECT_EQ(run.kinds.at("line"), many);
}

TEST(ReceiptRun, NamesThatAFileMakesUpAreBounded) {
  ReceiptRun run;
  for (int64_t line = 1; line <= 200; ++line) {
    add_departing(run, {line, "1", {{"x" + std::to_string(line), "x: got 1, recomputed nothing"}}});
  }
  EXPECT_EQ(run.kinds.size(), kMaxKinds + 1);
  EXPECT_EQ(run.kinds.at("other"), 100);
  add_departing(run, {201, "1", {{"x1", "x1: got 1, recomputed nothing"}}});
  EXPECT_EQ(run.kinds.at("x1"), 2);
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
  add_departing(run, {1, "", {{"", "not valid JSON"}}});
  EXPECT_FALSE(run.passed());
}

}  // namespace
}  // namespace ernie
