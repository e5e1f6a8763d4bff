#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/engine_flags.h"
#include "server/server.h"

namespace ernie {

/// What `ernie serve` was asked for, before the model is known.
struct ServeFlags {
  EngineFlags engine;
  ServerOptions server;
  ServiceOptions service;
  std::vector<std::string> model;          ///< the positional one: none or one
  std::string generation_config = "auto";  ///< auto: the model's file; vllm: the API's defaults
  std::string scheduling_policy = "fcfs";
  int64_t shutdown_timeout_s = 30;
  int64_t step_timeout_s = 300;
  int max_logprobs = 20;
  std::string origins = R"(["*"])", methods = R"(["*"])", headers = R"(["*"])";  ///< JSON lists
};

/// Flags as `vllm serve` names them, with its defaults where they make sense here.
void add_serve_flags(CLI::App& app, ServeFlags& flags);

/// Turns what was parsed into the options of server and service. Error: flags that contradict each
/// other, a list that is none.
Result<void> complete_serve_flags(ServeFlags& flags);

}  // namespace ernie
