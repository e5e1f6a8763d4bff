#include "cli/program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/serve_arguments.h"
#include "cli/usage_error.h"
#include "report/environment.h"

namespace ernie {
namespace {

constexpr int kCouldNotRun = 2;

/// "ernie run: out of memory". Makes no string: memory may be what there is none of.
int report_failure(const std::string& command, const char* problem, const char* details = "") {
  std::fprintf(stderr, "%s: %s%s\n", command.c_str(), problem, details);
  return kCouldNotRun;
}

/// The first line is for programs, the others for a report of a fault.
std::string version_text() {
  const report::Environment environment = report::collect_environment();
  std::map<std::string, std::vector<std::string>> variants;
  for (const DeviceInfo& device : devices()) {
    std::vector<std::string>& of_device = variants[device.name];
    if (!device.variant.empty()) of_device.push_back(device.variant);
  }
  std::vector<std::string> names;
  for (const auto& [name, of_device] : variants) {
    names.push_back(of_device.empty() ? name
                                      : fmt::format("{} ({})", name, fmt::join(of_device, ", ")));
  }
  return fmt::format("ernie {}\ncommit {}\ncompiler {}, {}\ndevices {}", ERNIE_VERSION,
                     environment.commit, environment.compiler, environment.build_type,
                     fmt::join(names, ", "));
}

/// The subcommand of a subcommand that was called.
const CLI::App& called(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? app : called(*subcommands.front());
}

}  // namespace

void add_subcommand(CLI::App& app, const char* name, const char* description, AddCommand* add,
                    const EngineLoader& loader, Command& chosen) {
  CLI::App* subcommand = app.add_subcommand(name, description);
  subcommand->callback([&chosen, run = add(*subcommand, loader)] { chosen = run; });
}

Result<int> exit_code_of(const Result<bool>& succeeded) {
  ERNIE_TRY(const bool all, succeeded);
  return all ? 0 : 1;
}

Result<int> exit_code_of(const Result<bool>& succeeded, const Interrupt& interrupt) {
  if (!succeeded && succeeded.error().code == ErrorCode::kCancelled) return interrupt.exit_code();
  return exit_code_of(succeeded);
}

Result<void> print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return make_error(ErrorCode::kIo, "standard output: cannot write: {}", std::strerror(errno));
  }
  return {};
}

std::string command_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : command_name(*parent) + " " + app.get_name();
}

void add_commands(CLI::App& app, const EngineLoader& loader, Command& chosen) {
  app.set_version_flag("-V,--version", version_text);
  app.require_subcommand(1);
  const auto add = [&](const char* subcommand, const char* description, AddCommand* add_command) {
    add_subcommand(app, subcommand, description, add_command, loader, chosen);
  };
  add("run", "One prompt, or a file of prompts", add_run_command);
  add("run-batch", "A file of OpenAI batch requests, resumable", add_run_batch_command);
  add("serve", "An OpenAI-compatible server", add_serve_command);
  add("chat", "A conversation in the terminal, with a model or a server", add_chat_command);
  add("inspect", "What is in a checkpoint and what it costs in memory", add_inspect_command);
  add("dummy", "Write a random checkpoint of a given shape", add_dummy_command);
  add("tokenize", "Text to token ids and back", add_tokenize_command);
  add("verify", "Proof that what is computed is right and repeatable", add_verify_command);
  add("bench", "Speed relative to this machine's limits", add_bench_command);
  add("completion", "A script for a shell to complete the command line", add_completion_command);
  add("man", "The manual page of the program or of a command", add_man_command);
}

namespace {

/// Whoever read standard output has gone, as `head` does: no error that is worth a word. Ends as
/// programs do that do not ignore the signal.
void end_with_reader(const Error& error) {
  pollfd output{STDOUT_FILENO, 0, 0};
  const bool has_gone = ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
  if (error.code != ErrorCode::kIo || !has_gone) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

/// Help or version, which were asked for.
int print_help(const CLI::App& app, const CLI::ParseError& asked) {
  std::ostringstream text;
  app.exit(asked, text, text);
  const Result<void> printed = print(text.str());
  if (printed) return 0;
  end_with_reader(printed.error());
  return report_failure("ernie", printed.error().message.c_str());
}

/// Sets `name` to that of the command.
int parse_and_run(int argc, const char* const* argv, const EngineLoader& loader,
                  std::string& name) {
  CLI::App app{"Runs, serves, verifies and measures the ERNIE-4.5 text models", "ernie"};
  Command command;
  add_commands(app, loader, command);
  auto arguments = expand_arguments({argv + 1, argv + argc});
  if (!arguments) return report_failure("ernie serve", arguments.error().message.c_str());
  std::ranges::reverse(*arguments);  // as CLI11 takes them
  try {
    app.parse(*std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return print_help(app, error);
    const CLI::App& at = called(app);
    const std::string problem = visible_text(usage_problem(error, at, app));
    return report_failure(command_name(at), problem.c_str());
  }
  name = command_name(called(app));
  const Result<int> code = command();
  if (!code) end_with_reader(code.error());
  // Parts of it may be a server's words.
  return code ? *code : report_failure(name, visible_text(code.error().message).c_str());
}

}  // namespace

int run_program(int argc, const char* const* argv, const EngineLoader& loader) {
  std::string name = "ernie";
  try {
    return parse_and_run(argc, argv, loader, name);
  } catch (const std::bad_alloc&) {
    return report_failure(name, "out of memory");
  } catch (const std::exception& error) {
    return report_failure(name, "a mistake in this program: ", error.what());
  } catch (...) {
    return report_failure(name, "a mistake in this program");
  }
}

}  // namespace ernie
