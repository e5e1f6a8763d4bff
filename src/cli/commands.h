#pragma once

/// One function per subcommand, each in a file of its own. It adds its flags to `app` and returns
/// what is to run once they are parsed. `app` and `loader` must outlive that.

#include <CLI/CLI.hpp>
#include <functional>

#include "jobs/interrupt.h"
#include "jobs/load_engine.h"

namespace ernie {

/// The exit code: 0 done, 1 some work failed, 128 + n ended by signal n. Error: it could not run;
/// run_program() says so.
using Command = std::function<Result<int>()>;
using AddCommand = Command(CLI::App& app, const EngineLoader& loader);

AddCommand add_run_command;         // run.cc
AddCommand add_run_batch_command;   // run_batch.cc
AddCommand add_serve_command;       // serve.cc
AddCommand add_chat_command;        // chat.cc
AddCommand add_inspect_command;     // inspect.cc
AddCommand add_dummy_command;       // dummy.cc
AddCommand add_tokenize_command;    // tokenize.cc
AddCommand add_verify_command;      // verify.cc
AddCommand add_bench_command;       // bench.cc
AddCommand add_completion_command;  // completion.cc
AddCommand add_man_command;         // man.cc

// Of `ernie bench`:
AddCommand add_bench_ops_command;         // bench_ops.cc
AddCommand add_bench_latency_command;     // bench_latency.cc
AddCommand add_bench_serve_command;       // bench_serve.cc
AddCommand add_bench_throughput_command;  // bench_throughput.cc

// Of `ernie verify`:
AddCommand add_verify_ops_command;          // verify_ops.cc
AddCommand add_verify_model_command;        // verify_model.cc
AddCommand add_verify_determinism_command;  // verify_determinism.cc
AddCommand add_verify_receipt_command;      // verify_receipt.cc

/// A subcommand of `app`: puts what it returned into `chosen` when it is the one that is called.
/// `chosen` must outlive the parsing.
void add_subcommand(CLI::App& app, const char* name, const char* description, AddCommand* add,
                    const EngineLoader& loader, Command& chosen);

/// All subcommands of the program, and its own flags.
void add_commands(CLI::App& app, const EngineLoader& loader, Command& chosen);

/// Of work that says whether all of it succeeded; an interrupt is its own exit code.
Result<int> exit_code_of(const Result<bool>& succeeded);
Result<int> exit_code_of(const Result<bool>& succeeded, const Interrupt& interrupt);

/// To standard output. Error: it cannot be written to.
Result<void> print(const std::string& text);

/// "ernie verify receipt"
std::string command_name(const CLI::App& app);

}  // namespace ernie
