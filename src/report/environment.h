#pragma once

/// The facts without which a measurement cannot be repeated: machine, program, call.

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "report/report.h"

namespace ernie::report {

/// What the system does not tell is empty or zero.
struct Environment {
  std::string cpu_model;
  int num_cpus = 0;                                    ///< logical ones that this process may use
  uint64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  ///< of the first cpu
  std::vector<std::string> instruction_sets;           ///< those that matter to our arithmetic
  uint64_t memory_bytes = 0;                           ///< of the machine
  uint64_t memory_limit_bytes = 0;  ///< of the process's control group; 0: none below the machine's
  std::string system;               ///< distribution, kernel and its version, architecture
  std::string compiler;             ///< "g++ 12.2.0"
  std::string build_type;           ///< CMake's: "Release"
  std::string build_flags;
  std::string version;       ///< of the program
  std::string commit;        ///< "+" after it: built from changed files; "unknown" outside git
  std::string command_line;  ///< quoted as a shell wants it, without secrets
  std::string date_utc;      ///< "2025-01-31 12:34:56 UTC": when this was collected
};

/// Reads /proc and /sys; never fails. Any thread.
Environment collect_environment();

/// For Report::environment, in a fixed order; rows of what is not known are left out.
std::vector<std::pair<Text, std::string>> environment_rows(const Environment& environment);

/// Every field under its own name.
boost::json::object to_json(const Environment& environment);

/// The arguments with *** in place of each key of --api-key, however the flag was spelled: what a
/// report shows is shown to others.
std::vector<std::string> without_secrets(std::vector<std::string> arguments);

/// A command line that a POSIX shell reads as exactly these arguments.
std::string shell_quoted(const std::vector<std::string>& arguments);

}  // namespace ernie::report
