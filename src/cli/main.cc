#include <csignal>

#include "cli/program.h"

int main(int argc, char** argv) {
  // A reader that goes away must be an error of a write, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  return ernie::run_program(argc, argv, ernie::EngineLoader());
}
