// What of a job's progress comes to standard error, and whether a terminal is there.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>

#include "jobs/progress.h"

namespace ernie {
namespace {

/// A terminal of so many columns in the place of standard error.
class TerminalAsStderr {
 public:
  explicit TerminalAsStderr(unsigned short columns)
      : parent_(::posix_openpt(O_RDWR | O_NOCTTY)), saved_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::grantpt(parent_), 0);
    EXPECT_EQ(::unlockpt(parent_), 0);
    const int child = ::open(::ptsname(parent_), O_RDWR | O_NOCTTY);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::ioctl(child, TIOCSWINSZ, &size), 0);
    ::dup2(child, STDERR_FILENO);
    ::close(child);
  }
  ~TerminalAsStderr() {
    restore();
    ::close(parent_);
  }
  /// Everything that was written, and standard error as it was.
  std::string text() {
    std::string text;
    char buffer[4096];
    ::fcntl(parent_, F_SETFL, O_NONBLOCK);
    for (ssize_t n = 0; (n = ::read(parent_, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    restore();
    return text;
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    saved_ = -1;
  }
  int parent_, saved_;
};

TEST(ProgressLine, EachTextReplacesTheOneBefore) {
  TerminalAsStderr terminal(80);
  ProgressLine line(/*quiet=*/false);
  EXPECT_TRUE(line.is_visible());
  line.show("one");
  line.show("two", /*is_last=*/true);
  // The terminal makes "\r\n" of "\n".
  EXPECT_EQ(terminal.text(), "\rone\x1b[K\rtwo\x1b[K\r\n");
}

TEST(ProgressLine, ClearingTakesAwayWhatIsThereAndOnlyThat) {
  TerminalAsStderr terminal(80);
  ProgressLine line(/*quiet=*/false);
  line.clear();
  line.show("one");
  line.clear();
  line.clear();
  line.show("last", /*is_last=*/true);
  line.clear();
  EXPECT_EQ(terminal.text(), "\rone\x1b[K\r\x1b[K\rlast\x1b[K\r\n") << "the last text stays";
}

TEST(ProgressLine, QuietOrWithoutATerminalNothingIsShown) {
  {
    TerminalAsStderr terminal(80);
    ProgressLine quiet(/*quiet=*/true);
    EXPECT_FALSE(quiet.is_visible());
    quiet.show("one");
    quiet.clear();
    EXPECT_EQ(terminal.text(), "");
  }
  testing::internal::CaptureStderr();
  ProgressLine piped(/*quiet=*/false);
  EXPECT_FALSE(piped.is_visible());
  piped.show("one", /*is_last=*/true);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

/// Updates a job's progress for a while that is longer than the bar's interval.
void update_for_a_while(Progress& progress) {
  for (int i = 0; i < 25; ++i) {
    progress.update();
    ::usleep(10'000);
  }
}

TEST(ProgressBar, FitsTheTerminalAndGoesAway) {
  TerminalAsStderr terminal(60);
  {
    Progress progress(10, 0, /*quiet=*/false);
    progress.add_rows(5);
    update_for_a_while(progress);
  }
  const std::string text = terminal.text();
  ASSERT_TRUE(text.starts_with("\r[")) << text;
  EXPECT_TRUE(text.ends_with("\r\x1b[K")) << text;
  const size_t end = text.find("\x1b[K");
  EXPECT_LE(end - 1, 60u);
  EXPECT_NE(text.find(" 5/10 rows   50%"), std::string::npos) << text;
}

TEST(ProgressBar, APipeGetsALineOnlyAfterALongWhile) {
  testing::internal::CaptureStderr();
  Progress progress(10, 0, /*quiet=*/false);
  progress.add_rows(5);
  update_for_a_while(progress);
  progress.clear();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ProgressBar, CountsWhatItIsToldFromWhereTheJobWas) {
  Progress progress(10, 4, /*quiet=*/true);
  EXPECT_EQ(progress.state().num_done, 4);
  progress.add_rows(2);
  progress.add_tokens(7);
  progress.add_tokens(3);
  const ProgressState& state = progress.state();
  EXPECT_EQ(state.num_total, 10);
  EXPECT_EQ(state.num_before, 4);
  EXPECT_EQ(state.num_done, 6);
  EXPECT_EQ(state.num_tokens, 10);
  EXPECT_GT(state.seconds, 0);
}

TEST(ProgressBar, MoreRowsThanExpectedAreNotMoreThanAll) {
  const ProgressState state{.num_done = 12, .num_total = 10, .num_tokens = 6, .seconds = 3};
  EXPECT_EQ(progress_text(state), "12/10 rows  100%  2.0 tok/s  0s left");
  EXPECT_TRUE(progress_bar(state, 200).starts_with("[##############################] "));
}

}  // namespace
}  // namespace ernie
