#include <spdlog/spdlog.h>
#include <unistd.h>

#include <charconv>
#include <memory>

#include "base/output_check.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/flag_group.h"
#include "cli/penalty_flags.h"
#include "jobs/prompt_job.h"
#include "jobs/receipt_writer.h"

namespace ernie {
namespace {

constexpr size_t kMaxPromptBytes = size_t{16} << 20;

struct RunFlags {
  EngineFlags engine;
  PromptOptions job;
  bool has_prompt = false, has_output = false;
  bool receipts = false;
  bool no_echo = false;
  int32_t logprobs = -1, prompt_logprobs = -1;  // -1: not asked for
  std::vector<std::string> logit_bias;          // ID:VALUE
};

void add_prompt_flags(CLI::App& app, RunFlags& flags) {
  PromptOptions& job = flags.job;
  auto* prompt = app.add_option(
      "-p,--prompt", job.prompt,
      "One prompt, whose continuation is printed as it comes; - is standard input, which is "
      "also read without this flag unless it is a terminal");
  auto* file = app.add_option("--prompt-file", job.input,
                              "JSON lines with `prompt` or `messages`; - is standard input")
                   ->type_name("FILE");
  file->excludes(prompt);
  app.add_option("-o,--output", job.output, "Where results go, as JSON lines; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_flag(
      "--receipts", flags.receipts,
      "Results hold what `ernie verify receipt` needs to recompute them, in `ernie_receipt`; "
      "the model's digests go to OUTPUT.model.json. One prompt needs --output");
  auto* chat =
      app.add_flag("--chat", job.chat, "The prompt is a user's turn in the model's chat template");
  app.add_option("--system", job.system, "With --chat: the system message")->needs(chat);
  app.add_flag("--no-echo", flags.no_echo, "Print the continuation without the prompt");
  app.add_flag("--token-ids", job.token_ids, "Results hold the output's token ids")->needs(file);
}

void add_sampling_flags(CLI::App& app, RunFlags& flags) {
  const FlagGroup group(app, "Sampling");
  SamplingParams& params = flags.job.params;
  params.temperature = 0;
  params.max_tokens = 128;
  app.add_option("-n,--max-tokens", params.max_tokens, "At most so many new tokens")
      ->capture_default_str();
  app.add_option("--temperature", params.temperature, "0: always the likeliest token")
      ->capture_default_str();
  app.add_option("--top-k", params.top_k, "Only the k likeliest; 0: all")->capture_default_str();
  app.add_option("--top-p", params.top_p, "Only the likeliest that make up this probability")
      ->capture_default_str();
  app.add_option("--min-p", params.min_p, "Only above this share of the likeliest's probability")
      ->capture_default_str();
  add_penalty_flags(app, params);
  app.add_option("--logit-bias", flags.logit_bias, "ID:VALUE…, added to these tokens' logits");
  app.add_option("--min-tokens", params.min_tokens, "No end before so many new tokens")
      ->capture_default_str();
  app.add_option("--stop", params.stop, "Text that ends the output; may be given several times")
      ->allow_extra_args(false);
  app.add_flag("--ignore-eos", params.ignore_eos, "Go on after the model's end token");
  app.add_option("--logprobs", flags.logprobs,
                 "Log-probabilities of the output and of so many likeliest tokens")
      ->check(CLI::Range(0, kMaxTopLogprobs));
  app.add_option("--prompt-logprobs", flags.prompt_logprobs, "The same for the prompt")
      ->check(CLI::Range(0, kMaxTopLogprobs));
}

Result<std::pair<int32_t, float>> parse_bias(const std::string& text) {
  std::pair<int32_t, float> bias;
  const char* end = text.data() + text.size();
  const auto id = std::from_chars(text.data(), end, bias.first);
  if (id.ec == std::errc() && id.ptr != end && *id.ptr == ':') {
    const auto value = std::from_chars(id.ptr + 1, end, bias.second);
    if (value.ec == std::errc() && value.ptr == end) return bias;
  }
  return make_error(ErrorCode::kInvalidArgument, "--logit-bias: got \"{}\", expected ID:VALUE",
                    text);
}

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[1 << 16];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, stdin)) {
    text.append(buffer, count);
    if (text.size() > kMaxPromptBytes) {
      return make_error(ErrorCode::kInvalidArgument, "standard input: more than {} bytes",
                        kMaxPromptBytes);
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty()) {
    return Error{ErrorCode::kInvalidArgument, "standard input: expected a prompt, got nothing"};
  }
  return text;
}

Result<std::string> find_prompt() {
  if (::isatty(STDIN_FILENO) == 0) return read_standard_input();
  return Error{ErrorCode::kInvalidArgument,
               "no prompt. Try  ernie run --prompt \"17 + 25 =\"  (without --model the small demo "
               "model answers), or  ernie run --help"};
}

Result<void> check_output(const RunFlags& flags) {
  if (!flags.job.input.empty() || flags.has_output == flags.receipts) return {};
  return Error{ErrorCode::kInvalidArgument,
               flags.receipts
                   ? "--receipts: needs --output FILE, where the prompt's result line goes"
                   : "--output: needs --prompt-file, or --receipts"};
}

Result<void> complete_flags(RunFlags& flags) {
  ERNIE_TRY_VOID(check_output(flags));
  PromptOptions& job = flags.job;
  const std::string manifest = flags.receipts ? manifest_path(job.output) : "";
  ERNIE_TRY_VOID(check_outputs({job.input, flags.engine.model, flags.engine.tokenizer},
                               {job.output, manifest}));
  job.echo = !flags.no_echo;
  job.quiet = flags.engine.quiet;
  job.seed = flags.engine.seed;
  if (flags.logprobs >= 0) job.params.logprobs = flags.logprobs;
  if (flags.prompt_logprobs >= 0) job.params.prompt_logprobs = flags.prompt_logprobs;
  for (const std::string& text : flags.logit_bias) {
    ERNIE_TRY(const auto bias, parse_bias(text));
    job.params.logit_bias.push_back(bias);
  }
  if (flags.has_prompt && job.prompt == "-") {
    ERNIE_TRY(job.prompt, read_standard_input());
  } else if (!flags.has_prompt && job.input.empty()) {
    ERNIE_TRY(job.prompt, find_prompt());
  }
  return {};
}

/// Whether all rows have results.
Result<bool> run(RunFlags& flags, const EngineLoader& loader, const Interrupt& interrupt) {
  ERNIE_TRY_VOID(complete_flags(flags));
  ERNIE_TRY(OpenedModel model, loader.open(flags.engine));
  if (model.tokenizer == nullptr && flags.job.input.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the model has no tokenizer and the prompt is text: --tokenizer names one, and "
                 "the rows of --prompt-file may hold token ids"};
  }
  ERNIE_TRY(LoadedEngine loaded, loader.load(std::move(model), flags.engine));
  if (flags.receipts) {
    ERNIE_TRY(flags.job.receipts, prepare_receipts(flags.engine, loaded));
  }
  if (!flags.job.input.empty()) return run_prompt_file(std::move(loaded), flags.job, interrupt);
  ERNIE_TRY_VOID(run_prompt(std::move(loaded), flags.job, interrupt));
  return true;
}

}  // namespace

Command add_run_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<RunFlags>();
  add_prompt_flags(app, *flags);
  add_sampling_flags(app, *flags);
  add_engine_flags(app, flags->engine);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    flags->has_prompt = app.count("--prompt") > 0;
    flags->has_output = flags->job.output != "-";
    const Interrupt interrupt;
    const auto done = run(*flags, loader, interrupt);
    return exit_code_of(done, interrupt);
  };
}

}  // namespace ernie
