#include "cli/device_flags.h"

#include "cli/flag_group.h"

#include <charconv>

namespace ernie {
namespace {

/// An empty text, or why it is no seed. The parser would take -1 for the largest number, 010 for 8,
/// and a number that is too large for the largest.
std::string problem_with_seed(const std::string& text) {
  const char* end = text.data() + text.size();
  uint64_t seed = 0;
  const auto read = std::from_chars(text.data(), end, seed);
  const bool is_octal = text.size() > 1 && text.starts_with('0');
  if (read.ec == std::errc() && read.ptr == end && !is_octal) return "";
  return fmt::format("got {}, expected a whole number from 0 to {}", text, UINT64_MAX);
}

}  // namespace

void add_seed_flag(CLI::App& app, uint64_t& seed, const std::string& text) {
  app.add_option("--seed", seed, text)->check(problem_with_seed)->capture_default_str();
}

void add_device_flags(CLI::App& app, DeviceSettings& settings, uint64_t& seed, bool& quiet,
                      const DeviceFlagTexts& texts) {
  const FlagGroup group(app, "Model and device");
  app.add_option("--device", settings.device, texts.device)->capture_default_str();
  app.add_option("--dtype", settings.dtype, texts.dtype)
      ->check(CLI::IsMember(texts.dtypes))
      ->capture_default_str();
  app.add_option("--isa", settings.isa, texts.isa);
  app.add_option("-t,--threads", settings.threads, texts.threads)
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  add_seed_flag(app, seed, "Random seed");
  app.add_flag("--quiet", quiet, texts.quiet);
}

}  // namespace ernie
