#include "cli/report_flags.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/test_directory.h"

namespace ernie {
namespace {

class ReportFlagsTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.file(name); }

  /// Whether the command line is accepted.
  bool parse(std::vector<std::string> arguments) {
    CLI::App app;
    flags_ = {};
    add_report_flags(app, flags_);
    std::reverse(arguments.begin(), arguments.end());
    try {
      app.parse(arguments);
      return true;
    } catch (const CLI::ParseError&) {
      return false;
    }
  }

  const TestDirectory folder_;
  ReportFlags flags_;
  report::Report report_{.title = {"the title", "标题"}, .verdict = report::Verdict::kPass};
};

TEST_F(ReportFlagsTest, WritesTheFilesThatAreAskedFor) {
  ASSERT_TRUE(parse({"--json", path("a.json"), "--html", path("a.html")}));
  testing::internal::CaptureStdout();
  EXPECT_TRUE(write_reports(flags_, report_, "{}\n"));
  EXPECT_EQ(testing::internal::GetCapturedStdout().substr(0, 9), "the title");
  EXPECT_EQ(*read_text_file(path("a.json"), 1000), "{}\n");
  EXPECT_NE(read_text_file(path("a.html"), 1 << 20)->find("<title>the title"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path("a.md")));
}

TEST_F(ReportFlagsTest, ADashReplacesWhatIsShown) {
  ASSERT_TRUE(parse({"--markdown", "-", "--lang", "zh"}));
  testing::internal::CaptureStdout();
  EXPECT_TRUE(write_reports(flags_, report_, "{}"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "# 标题\n\n**✓ 通过**\n\n");
}

TEST_F(ReportFlagsTest, RefusesBeforeAnyWorkIsDone) {
  EXPECT_TRUE(parse({}));
  EXPECT_FALSE(parse({"--lang", "fr"}));
  EXPECT_FALSE(parse({"--json", path("missing/a.json")}));
  EXPECT_FALSE(parse({"--json", ""}));
  EXPECT_FALSE(parse({"--json", "-", "--html", "-"}));
  EXPECT_FALSE(parse({"--html", folder_.path()}));
}

TEST_F(ReportFlagsTest, AFailedWriteIsAnError) {
  ASSERT_TRUE(parse({"--json", path("gone.json")}));
  std::filesystem::remove_all(folder_.path());
  testing::internal::CaptureStdout();
  EXPECT_FALSE(write_reports(flags_, report_, "{}"));
  testing::internal::GetCapturedStdout();
}

}  // namespace
}  // namespace ernie
