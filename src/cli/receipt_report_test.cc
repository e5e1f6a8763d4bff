#include "cli/receipt_report.h"

#include <gtest/gtest.h>

#include "report/markdown.h"

namespace ernie {
namespace {

TEST(ReceiptReport, SaysHowManyLinesItLeavesOut) {
  ReceiptRun run;
  for (int64_t line = 1; line <= static_cast<int64_t>(kMaxListedLines) + 10; ++line) {
    add_departing(run, {line, "1", {{"token", "token 1: a"}}});
  }
  const auto markdown = report::to_markdown(receipt_report(run), report::Language::kEnglish);
  EXPECT_NE(markdown.find("10 more are not listed."), std::string::npos);
}

}  // namespace
}  // namespace ernie
