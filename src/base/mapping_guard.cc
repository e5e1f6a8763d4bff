#include "base/mapping_guard.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <utility>

namespace ernie {
namespace {

/// Read by the signal handler, so there are no locks: `begin` is set last and cleared first.
struct Entry {
  std::atomic<bool> is_taken = false;
  std::atomic<const std::byte*> begin = nullptr;
  std::atomic<size_t> num_bytes = 0;
  std::atomic<const char*> path = nullptr;
};
std::array<Entry, 1024> g_mappings;

const char* path_of(const void* address) {
  const auto* at = static_cast<const std::byte*>(address);
  for (const Entry& entry : g_mappings) {
    const std::byte* begin = entry.begin.load();
    if (begin != nullptr && at >= begin && at < begin + entry.num_bytes.load()) {
      return entry.path.load();
    }
  }
  return nullptr;
}

void say(const char* text) {
  // Nothing can be done about an error here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void on_bus_error(int, siginfo_t* info, void*) {
  const char* path = path_of(info->si_addr);
  if (path == nullptr) {
    ::signal(SIGBUS, SIG_DFL);  // the instruction is tried again, and ends the program
    return;
  }
  say("ernie: ");
  say(path);  // of the command line, or of a name in an index that was checked
  say(": it became shorter while it was in use\n");
  ::_exit(2);
}

}  // namespace

void install_mapping_guard() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

GuardedMapping::GuardedMapping(std::span<const std::byte> memory, std::string path)
    : path_(std::move(path)) {
  for (size_t i = 0; i < g_mappings.size(); ++i) {
    Entry& entry = g_mappings[i];
    if (entry.is_taken.exchange(true)) continue;
    place_ = static_cast<int>(i);
    entry.path = path_.c_str();
    entry.num_bytes = memory.size();
    entry.begin = memory.data();
    return;
  }
}

GuardedMapping::~GuardedMapping() {
  if (place_ < 0) return;
  Entry& entry = g_mappings[static_cast<size_t>(place_)];
  entry.begin = nullptr;
  entry.is_taken = false;
}

}  // namespace ernie
