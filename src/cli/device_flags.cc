#include "cli/device_flags.h"

namespace ernie {

void add_device_flags(CLI::App& app, DeviceSettings& settings, uint64_t& seed, bool& quiet,
                      const DeviceFlagTexts& texts) {
  app.add_option("--device", settings.device, texts.device)->capture_default_str();
  app.add_option("--dtype", settings.dtype, texts.dtype)
      ->check(CLI::IsMember(texts.dtypes))
      ->capture_default_str();
  app.add_option("--isa", settings.isa, texts.isa);
  app.add_option("--threads", settings.threads, texts.threads)
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--seed", seed, "Random seed")->capture_default_str();
  app.add_flag("--quiet", quiet, texts.quiet);
}

}  // namespace ernie
