#include "cli/engine_flags.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <climits>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/device_flags.h"
#include "cli/flag_group.h"

namespace ernie {
namespace {

constexpr size_t kMaxShownBytes = 60;

/// The first bytes of a long text, and no half character at the end.
std::string shortened(std::string text) {
  if (text.size() <= kMaxShownBytes) return text;
  const auto is_inside = [&](size_t at) { return (text[at] & 0xC0) == 0x80; };
  size_t end = kMaxShownBytes;
  while (end > 0 && is_inside(end)) --end;
  return text.substr(0, end) + "…";
}

std::string shown_value(const CLI::Option& option) {
  const bool given = option.count() > 0;
  if (option.get_items_expected_max() == 0) {  // a flag; of some the default is true
    const std::string value = given ? option.results().back() : option.get_default_str();
    return value.empty() ? "false" : value;
  }
  const std::string value = shortened(given ? fmt::format("{}", fmt::join(option.results(), ","))
                                            : option.get_default_str());
  const bool is_plain = !value.empty() && value.find_first_of(" \n") == std::string::npos;
  return is_plain ? value : fmt::format("{:?}", value);
}

/// An unset variable of a shell must not get the demo's answers.
std::string problem_with_model(const std::string& model) {
  return model.empty() ? "got an empty name, expected a directory" : "";
}

void add_log_flag(CLI::App& app, EngineFlags& flags) {
  app.add_option("--log-level", flags.log_level, "What to log on standard error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
}

void add_scheduling_flags(CLI::App& app, EngineOptions& engine) {
  const FlagGroup group(app, "Scheduling and memory");
  const CLI::Range count(int64_t{1}, int64_t{INT_MAX});
  app.add_option("--max-model-len", engine.max_model_len,
                 "Tokens of prompt and output together; 0: what the model allows, if it fits")
      ->check(CLI::Range(int64_t{0}, int64_t{INT_MAX}))
      ->capture_default_str();
  app.add_option("--max-num-seqs", engine.max_num_seqs, "Sequences computed in one step")
      ->check(count)
      ->capture_default_str();
  app.add_option("--max-num-batched-tokens", engine.max_num_batched_tokens,
                 "Tokens computed in one step")
      ->check(count)
      ->capture_default_str();
  app.add_option("--block-size", engine.block_size, "Tokens in a block of the KV cache")
      ->check(count)
      ->capture_default_str();
  app.add_option("--kv-cache-memory-bytes", engine.kv_cache_bytes,
                 "Memory of the KV cache; 0: room for --max-num-seqs full contexts")
      ->check(CLI::Range(int64_t{0}, int64_t{LLONG_MAX}))
      ->capture_default_str();
  app.add_flag("--enable-prefix-caching,!--no-enable-prefix-caching", engine.enable_prefix_caching,
               "Use what was computed of equal beginnings again; results are the same")
      ->default_str(engine.enable_prefix_caching ? "true" : "false");
}

}  // namespace

void add_model_flags(CLI::App& app, EngineFlags& flags) {
  const FlagGroup group(app, "Model and device");
  app.add_option("-m,--model", flags.model,
                 "Model directory; with --load-format dummy also a config.json or a preset's name "
                 "(default: the demo model in this program)")
      ->check(problem_with_model)
      ->type_name("PATH");
  app.add_option("--tokenizer", flags.tokenizer,
                 "Directory or tokenizer.model (default: the model's)")
      ->type_name("PATH");
  app.add_option("--load-format", flags.load_format, "dummy: random weights of the model's shape")
      ->check(CLI::IsMember({"auto", "dummy"}))
      ->capture_default_str();
  add_device_flags(app, flags, flags.seed, flags.quiet,
                   {.dtype = "Type of weights and KV cache; auto: the checkpoint's",
                    .dtypes = {"auto", "bfloat16", "float32"},
                    .quiet = "Log errors only and show no progress"});
  app.add_flag("--mmap", flags.mmap, "Use weights from the mapped file instead of copying them");
  add_log_flag(app, flags);
}

void add_engine_flags(CLI::App& app, EngineFlags& flags) {
  add_model_flags(app, flags);
  add_scheduling_flags(app, flags.engine);
}

void start_log(const CLI::App& app, const EngineFlags& flags) {
  // Not registered under a name, so that a second call replaces the first logger.
  const char* no_color = std::getenv("NO_COLOR");
  const bool is_plain = no_color != nullptr && *no_color != '\0';
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
      is_plain ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
  logger->set_pattern("%H:%M:%S.%e %^%l%$ %v");
  logger->set_level(spdlog::level::from_str(flags.quiet ? "error" : flags.log_level));
  spdlog::set_default_logger(std::move(logger));
  std::string given, others;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (name == "--help") continue;
    // A secret is no news for a log.
    const bool is_secret = name == "--api-key" && option->count() > 0;
    (option->count() > 0 ? given : others) +=
        fmt::format(" {}={}", name, is_secret ? "***" : shown_value(*option));
  }
  spdlog::info("{}{}", command_name(app), given);
  spdlog::debug("by default:{}", others);
}

}  // namespace ernie
