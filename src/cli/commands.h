#pragma once

/// One function per subcommand, each in a file of its own. It adds its flags to `app` and returns
/// what is to run once they are parsed; that returns the exit code: 0 done, 1 some work failed, 2
/// it could not run.

#include <CLI/CLI.hpp>
#include <functional>

namespace ernie {

using Command = std::function<int()>;

Command add_run_command(CLI::App& app);        // run.cc
Command add_run_batch_command(CLI::App& app);  // run_batch.cc
Command add_inspect_command(CLI::App& app);    // inspect.cc
Command add_dummy_command(CLI::App& app);      // dummy.cc
Command add_tokenize_command(CLI::App& app);   // tokenize.cc
Command add_verify_command(CLI::App& app);     // verify.cc
Command add_bench_command(CLI::App& app);      // bench.cc

// Of `ernie bench`:
Command add_bench_ops_command(CLI::App& app);         // bench_ops.cc
Command add_bench_latency_command(CLI::App& app);     // bench_latency.cc
Command add_bench_throughput_command(CLI::App& app);  // bench_throughput.cc

// Of `ernie verify`:
Command add_verify_ops_command(CLI::App& app);          // verify_ops.cc
Command add_verify_model_command(CLI::App& app);        // verify_model.cc
Command add_verify_determinism_command(CLI::App& app);  // verify_determinism.cc
Command add_verify_receipt_command(CLI::App& app);      // verify_receipt.cc

}  // namespace ernie
