#include <unistd.h>

#include <csignal>
#include <cstring>
#include <exception>
#include <new>

#include "base/mapping_guard.h"
#include "cli/program.h"

namespace {

/// For what is thrown where nothing may be: in a destructor, a noexcept function, a thread. Memory
/// that runs out does that in libraries.
[[noreturn]] void on_terminate() {
  const char* line = "ernie: a mistake in this program\n";
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    line = "ernie: out of memory\n";
  } catch (...) {
  }
  // Nothing can be done about an error here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, std::strlen(line));
  ::_exit(2);
}

/// Before the constructors of globals, which allocate.
[[gnu::constructor(101)]] void install_terminate_handler() { std::set_terminate(on_terminate); }

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away and a file that becomes too long must be errors of a write, not the end
  // of the program.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  ernie::install_mapping_guard();
  return ernie::run_program(argc, argv, ernie::EngineLoader());
}
