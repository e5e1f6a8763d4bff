#include "jobs/interrupt.h"

#include <atomic>
#include <csignal>

namespace ernie {
namespace {

// Atomic, because any thread may be the one that a signal interrupts.
std::atomic<int> g_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void restore_defaults() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

void on_signal(int signal) {
  g_signal = signal;
  restore_defaults();
}

void install(int signal) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt() { reset(); }

Interrupt::~Interrupt() { restore_defaults(); }

bool Interrupt::raised() const { return g_signal != 0; }

void Interrupt::reset() {
  g_signal = 0;
  install(SIGINT);
  install(SIGTERM);
}

int Interrupt::exit_code() const { return 128 + g_signal; }

}  // namespace ernie
