#include "jobs/interrupt.h"

#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

namespace ernie {
namespace {

// Atomic, because any thread may be the one that a signal interrupts.
std::atomic<int> g_signal = 0;
std::atomic<bool> g_ctrl_c_ends_program = true;
static_assert(std::atomic<int>::is_always_lock_free);

void restore_defaults() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

void on_deadline(int) {
  constexpr char kLine[] = "ernie: interrupted while it was busy\n";
  // Nothing can be done about an error here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLine, sizeof kLine - 1);
  ::_exit(128 + g_signal);
}

void set_deadline(std::chrono::milliseconds time) {
  itimerval timer{};
  timer.it_value.tv_usec = static_cast<suseconds_t>(time.count() * 1000);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

void on_signal(int signal) {
  g_signal = signal;
  restore_defaults();
  if (signal == SIGTERM || g_ctrl_c_ends_program) set_deadline(kInterruptPatience);
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt(CtrlC ctrl_c) {
  static_assert(kInterruptPatience < std::chrono::seconds(1), "tv_usec holds less than a second");
  g_ctrl_c_ends_program = ctrl_c == CtrlC::kEndsProgram;
  install(SIGALRM, on_deadline);
  reset();
}

Interrupt::~Interrupt() {
  set_deadline(std::chrono::milliseconds(0));
  restore_defaults();
}

bool Interrupt::raised() const { return g_signal != 0; }

void Interrupt::reset() {
  set_deadline(std::chrono::milliseconds(0));
  g_signal = 0;
  install(SIGINT, on_signal);
  install(SIGTERM, on_signal);
}

int Interrupt::exit_code() const { return 128 + g_signal; }

}  // namespace ernie
