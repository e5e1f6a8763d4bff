#pragma once

// What other programs make of our texts.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cli/commands.h"

namespace ernie {

struct ShellRun {
  int status = -1;
  std::string out;  ///< of both streams
};

inline ShellRun run_shell(const std::string& command) {
  ShellRun run;
  std::FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) return run;
  char buffer[4096];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) {
    run.out.append(buffer, count);
  }
  run.status = ::pclose(pipe);
  return run;
}

inline bool is_installed(const std::string& program) {
  return run_shell("command -v " + program).status == 0;
}

/// The program's own declarations.
class DeclaredProgram {
 public:
  DeclaredProgram() { add_commands(app, loader_, chosen_); }
  CLI::App app{"Does it", "ernie"};

 private:
  EngineLoader loader_;
  Command chosen_;
};

/// `app` and all below it.
inline std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  std::vector<const CLI::App*> all{&app};
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    for (const CLI::App* one : commands_of(*below)) all.push_back(one);
  }
  return all;
}

/// "--port" and "-p", as they are typed.
inline std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

}  // namespace ernie
