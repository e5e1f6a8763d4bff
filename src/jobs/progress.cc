#include "jobs/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace ernie {
namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::seconds(10);
constexpr int kMaxBarColumns = 30;

double fraction_done(const ProgressState& state) {
  if (state.num_total <= 0) return 0;
  return std::min(1.0, static_cast<double>(state.num_done) / static_cast<double>(state.num_total));
}

std::string time_left(const ProgressState& state) {
  const int64_t num_here = state.num_done - state.num_before;
  if (num_here <= 0 || state.num_total <= 0) return "";
  const auto left = static_cast<double>(std::max<int64_t>(0, state.num_total - state.num_done));
  return "  " + duration_text(state.seconds * left / static_cast<double>(num_here)) + " left";
}

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string loading_text(int64_t num_ready, int64_t num_layers, double seconds) {
  std::string text = fmt::format("loading: {} of {} layers", num_ready, num_layers);
  if (num_ready <= 0) return text;
  const auto to_come = static_cast<double>(num_layers - num_ready);
  return text + ", " + duration_text(seconds / static_cast<double>(num_ready) * to_come) + " left";
}

std::string duration_text(double seconds) {
  const auto total = static_cast<int64_t>(std::min(seconds, 1e9) + 0.5);
  const int64_t hours = total / 3600, minutes = total / 60 % 60;
  if (hours > 0) return fmt::format("{}h{:02}m", hours, minutes);
  if (minutes > 0) return fmt::format("{}m{:02}s", minutes, total % 60);
  return fmt::format("{}s", total);
}

std::string progress_text(const ProgressState& state) {
  const double rate = state.seconds > 0 ? static_cast<double>(state.num_tokens) / state.seconds : 0;
  if (state.num_total <= 0) return fmt::format("{} rows  {:.1f} tok/s", state.num_done, rate);
  return fmt::format("{:>{}}/{} rows  {:3.0f}%  {:.1f} tok/s{}", state.num_done,
                     fmt::formatted_size("{}", state.num_total), state.num_total,
                     100 * fraction_done(state), rate, time_left(state));
}

std::string progress_bar(const ProgressState& state, int columns) {
  const std::string text = progress_text(state);
  const int room = std::min(kMaxBarColumns, columns - static_cast<int>(text.size()) - 4);
  if (room < 5 || state.num_total <= 0) return text.substr(0, static_cast<size_t>(columns));
  const int filled = static_cast<int>(fraction_done(state) * room);
  return fmt::format("[{}{}] {}", std::string(static_cast<size_t>(filled), '#'),
                     std::string(static_cast<size_t>(room - filled), '.'), text);
}

ProgressLine::ProgressLine(bool quiet) : is_visible_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(std::string_view text, bool is_last) {
  if (!is_visible_) return;
  fmt::print(stderr, "\r{}\x1b[K{}", text, is_last ? "\n" : "");
  std::fflush(stderr);
  is_shown_ = !is_last;
}

void ProgressLine::clear() {
  if (is_shown_) show("");
  is_shown_ = false;
}

Progress::Progress(int64_t num_total, int64_t num_before, bool quiet)
    : line_(quiet), quiet_(quiet), start_(Clock::now()) {
  state_.num_total = num_total;
  state_.num_done = state_.num_before = num_before;
  next_ = start_ + (line_.is_visible() ? Clock::duration(kBarInterval) : kLineInterval);
}

Progress::~Progress() { clear(); }

void Progress::update() {
  const auto now = Clock::now();
  if (quiet_ || now < next_) return;
  if (line_.is_visible()) {
    line_.show(progress_bar(state(), terminal_columns()));
    next_ = now + kBarInterval;
  } else {
    fmt::print(stderr, "{}\n", progress_text(state()));
    std::fflush(stderr);
    next_ = now + kLineInterval;
  }
}

const ProgressState& Progress::state() {
  state_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  return state_;
}

}  // namespace ernie
