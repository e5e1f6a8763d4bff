#include <csignal>
#include <cstdio>
#include <new>

#include "cli/commands.h"

namespace {

int run_main(int argc, char** argv) {
  CLI::App app{"Runs, serves, verifies and measures the ERNIE-4.5 text models", "ernie"};
  app.set_version_flag("--version", ERNIE_VERSION);
  app.require_subcommand(1);
  ernie::Command command;
  const auto add = [&](const char* name, const char* description,
                       ernie::Command (*make)(CLI::App&)) {
    CLI::App* subcommand = app.add_subcommand(name, description);
    subcommand->callback([&command, run = make(*subcommand)] { command = run; });
  };
  add("run", "One prompt, or a file of prompts", ernie::add_run_command);
  add("run-batch", "A file of OpenAI batch requests, resumable", ernie::add_run_batch_command);
  add("inspect", "What is in a checkpoint and what it costs in memory", ernie::add_inspect_command);
  add("dummy", "Write a random checkpoint of a given shape", ernie::add_dummy_command);
  add("tokenize", "Text to token ids and back", ernie::add_tokenize_command);
  add("verify", "Proof that what is computed is right and repeatable", ernie::add_verify_command);
  add("bench", "Speed relative to this machine's limits", ernie::add_bench_command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  return command();
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away must be an error of a write, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run_main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("ernie: out of memory\n", stderr);
    return 2;
  }
}
