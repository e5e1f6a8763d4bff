#pragma once

#include "jobs/load_engine.h"

namespace ernie {

/// The program: reads the command line, runs the command and returns the exit code. Whatever keeps
/// a command from running is one line on standard error, "ernie run: …", and exit code 2; memory
/// that is not there and our own mistakes that throw are, too. `loader`: where engines come from.
int run_program(int argc, const char* const* argv, const EngineLoader& loader);

}  // namespace ernie
