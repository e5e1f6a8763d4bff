#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "jobs/load_engine.h"

namespace ernie {

/// What commands say differently of the flags below.
struct DeviceFlagTexts {
  std::string device = "Where to compute: cpu, or reference for checking";
  std::string dtype = "Type of weights and KV cache";
  std::vector<std::string> dtypes{"bfloat16", "float32"};  ///< to choose from
  std::string isa = "Instruction set of the cpu device (default: the best here)";
  std::string threads = "Threads; 0: one per processor";
  std::string quiet = "Show no progress";
};

/// --seed, decimal. `seed` must outlive the parsing and has the default already.
void add_seed_flag(CLI::App& app, uint64_t& seed, const std::string& text);

/// --device, --dtype, --isa, --threads, --seed and --quiet. What they set must outlive the parsing
/// and has the defaults already.
void add_device_flags(CLI::App& app, DeviceSettings& settings, uint64_t& seed, bool& quiet,
                      const DeviceFlagTexts& texts);

}  // namespace ernie
