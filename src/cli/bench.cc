#include <memory>

#include "cli/commands.h"

namespace ernie {

Command add_bench_command(CLI::App& app, const EngineLoader& loader) {
  app.require_subcommand(1);
  const auto chosen = std::make_shared<Command>();
  const auto add = [&](const char* name, const char* description, AddCommand* add_command) {
    add_subcommand(app, name, description, add_command, loader, *chosen);
  };
  add("ops", "Every operation of a device against the limits of the machine",
      add_bench_ops_command);
  add("latency", "First token, time between tokens, startup, memory: by length, depth and batch",
      add_bench_latency_command);
  add("throughput", "Many requests at once: tokens per second, latencies, occupancy",
      add_bench_throughput_command);
  add("serve", "Load on a server with the OpenAI API: tokens per second, latencies, goodput",
      add_bench_serve_command);
  return [chosen] { return (*chosen)(); };
}

}  // namespace ernie
