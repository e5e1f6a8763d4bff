#include <filesystem>
#include <memory>
#include <numeric>

#include "base/file.h"
#include "base/memory_info.h"
#include "base/rng.h"
#include "checkpoint/inspect.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/report_flags.h"
#include "jobs/progress.h"
#include "json/text.h"
#include "report/environment.h"
#include "verify/model/report.h"

namespace ernie {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;
constexpr const char* kDefaultAgainst = "golden if there is one, else reference";

struct VerifyModelFlags {
  EngineFlags model;
  std::string against, truth;
  std::vector<std::string> prompts;
  std::vector<int64_t> random_tokens{24, 7, 1};
  std::string text;
  int64_t num_tokens = 1024, window = 512;
  bool stream = false;
  std::string inject = "none";
  ReportFlags report;
};

void add_flags(CLI::App& app, VerifyModelFlags& flags) {
  add_model_flags(app, flags.model);
  app.add_option("--against", flags.against,
                 "golden: the recording beside the model; hf-dump: the one that --truth names; "
                 "reference: computed in double from the same weights; another device; or a FILE")
      ->default_str(kDefaultAgainst);
  app.add_option("--truth", flags.truth,
                 "Recording: .safetensors, golden.json or a directory (default: the model's)")
      ->check(CLI::ExistingPath);
  app.add_option("--prompt", flags.prompts,
                 "Without a recording: compare on this text; may be "
                 "given several times")
      ->allow_extra_args(false);
  app.add_option("--random-tokens", flags.random_tokens,
                 "Without --prompt: lengths of prompts of random tokens")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 17))
      ->capture_default_str();
  app.add_option("--text", flags.text, "Without a recording: also compare perplexity on this file")
      ->check(CLI::ExistingFile);
  app.add_option("--num-tokens", flags.num_tokens, "Of --text, at most")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 31))
      ->capture_default_str();
  app.add_option("--window", flags.window, "Tokens of --text that see each other")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 17))
      ->capture_default_str();
  app.add_flag("--stream", flags.stream,
               "Hold one layer at a time on the device (default: if the model does not fit)");
  app.add_option("--inject", flags.inject,
                 "Compute the device with a known fault, \"OPERATION: NAME\", that must be noticed")
      ->capture_default_str();
  add_report_flags(app, flags.report);
}

std::vector<int32_t> random_ids(int64_t count, int64_t vocab_size, uint64_t seed, uint64_t stream) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(philox_uniform(seed, stream, static_cast<uint64_t>(i)) *
                                       static_cast<double>(vocab_size)));
  }
  return ids;
}

verify::model::Prompt prompt_of(std::vector<int32_t> ids) {
  std::vector<int32_t> positions(ids.size());
  std::iota(positions.begin(), positions.end(), 0);
  return {std::move(ids), std::move(positions)};
}

Result<void> check_ids(const std::vector<int32_t>& ids, int64_t vocab_size,
                       const std::string& name) {
  if (ids.empty()) return make_error(ErrorCode::kInvalidArgument, "{}: no tokens", name);
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab_size) {
      return make_error(ErrorCode::kInvalidArgument,
                        "{}: token {} is beyond the model's vocabulary of {}", name, id,
                        vocab_size);
    }
  }
  return {};
}

/// What the truth is: a recording's path, or a device's name in options.against.
Result<void> choose_truth(const VerifyModelFlags& flags, verify::model::ModelRunOptions& options) {
  namespace fs = std::filesystem;
  std::string against = flags.against;
  const bool beside = verify::model::has_recording(flags.model.model);
  if (against.empty()) against = !flags.truth.empty() || beside ? "golden" : oracle_device();
  const bool is_file = against != "golden" && against != "hf-dump" && fs::exists(against);
  if (is_file) {
    options.recording = against;
  } else if (against == "golden" || against == "hf-dump") {
    options.recording = flags.truth.empty() ? flags.model.model : flags.truth;
    options.is_golden = against == "golden";
    if (flags.truth.empty() && !beside) {
      return make_error(ErrorCode::kNotFound,
                        "--against {}: no golden.json beside the model; --truth names a recording",
                        against);
    }
  } else {
    options.against = against;
  }
  const bool has_prompts = !flags.prompts.empty() || !flags.text.empty();
  if (!options.recording.empty() && has_prompts) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--prompt, --text: a recording has its own prompts; expected --against "
                      "reference or a device");
  }
  return {};
}

Result<void> read_inputs(const VerifyModelFlags& flags, const WeightSource& weights,
                         verify::model::ModelRunOptions& options) {
  const int64_t vocab = weights.config().vocab_size;
  std::shared_ptr<const Tokenizer> tokenizer;
  if (!flags.prompts.empty() || !flags.text.empty()) {
    ERNIE_TRY(tokenizer, open_tokenizer(flags.model, &weights));
    if (tokenizer == nullptr) {
      return make_error(ErrorCode::kNotFound, "--prompt, --text: the model has no tokenizer");
    }
  }
  for (const std::string& text : flags.prompts) {
    options.prompts.push_back(prompt_of(tokenizer->encode(text, SpecialTokens::kAsText)));
    ERNIE_TRY_VOID(check_ids(options.prompts.back().ids, vocab, "--prompt"));
  }
  if (flags.prompts.empty()) {
    for (size_t i = 0; i < flags.random_tokens.size(); ++i) {
      options.prompts.push_back(
          prompt_of(random_ids(flags.random_tokens[i], vocab, flags.model.seed, i)));
    }
  }
  if (flags.text.empty()) return {};
  ERNIE_TRY(const std::string text, read_text_file(flags.text, kMaxTextBytes));
  options.text = tokenizer->encode(text, SpecialTokens::kAsText);
  if (static_cast<int64_t>(options.text.size()) > flags.num_tokens) {
    options.text.resize(static_cast<size_t>(flags.num_tokens));
  }
  return check_ids(options.text, vocab, flags.text);
}

Result<const verify::Fault*> find_fault(const std::string& name) {
  if (name == "none") return nullptr;
  std::string names;
  for (const verify::Fault& fault : verify::faults()) {
    // What follows the logits is not part of the model.
    if (fault.op == "log_softmax" || fault.op == "sample") continue;
    const std::string own = fmt::format("{}: {}", fault.op, fault.name.en);
    if (own == name) return &fault;
    names += fmt::format("\n  {}", own);
  }
  return make_error(ErrorCode::kInvalidArgument, "--inject: got \"{}\", expected one of{}", name,
                    names);
}

bool must_stream(const VerifyModelFlags& flags, ModelConfig config, DType dtype) {
  config.dtype = dtype;
  const uint64_t available = available_memory_bytes();
  const bool fits = available == 0 || static_cast<uint64_t>(weight_bytes(config)) < available / 2;
  return flags.stream || !fits;
}

verify::model::ModelProgress progress_of(const VerifyModelFlags& flags) {
  return [line = ProgressLine(flags.model.quiet)](const std::string& what, size_t done,
                                                  size_t all) mutable {
    line.show(fmt::format("{} {}/{}", what, done, all), done == all);
  };
}

/// Whether everything passed.
Result<bool> verify_model(const VerifyModelFlags& flags) {
  verify::model::ModelRunOptions options;
  ERNIE_TRY_VOID(choose_truth(flags, options));
  ERNIE_TRY(const auto weights, open_weights(flags.model));
  ERNIE_TRY(options.fault, find_fault(flags.inject));
  options.device = flags.model.device;
  options.backend = {compute_dtype(flags.model, weights->config()), flags.model.threads,
                     flags.model.isa, flags.model.mmap};
  options.stream_layers = must_stream(flags, weights->config(), options.backend.dtype);
  options.seed = flags.model.seed;
  options.window = flags.window;
  if (options.recording.empty()) {
    ERNIE_TRY_VOID(read_inputs(flags, *weights, options));
  }
  ERNIE_TRY(const verify::model::ModelRun run,
            verify::model::run_model_check(*weights, options, progress_of(flags)));
  const report::Environment environment = report::collect_environment();
  report::Report report = verify::model::model_report(run, weights->describe());
  auto rows = report::environment_rows(environment);
  rows.insert(rows.end(), report.environment.begin(), report.environment.end());
  report.environment = std::move(rows);
  ERNIE_TRY_VOID(write_reports(
      flags.report, report,
      json_text(verify::model::model_to_json(run, weights->describe(), environment)) + "\n"));
  return run.passed();
}

}  // namespace

Command add_verify_model_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<VerifyModelFlags>();
  add_flags(app, *flags);
  return [flags, &app] {
    start_log(app, flags->model);
    return exit_code_of(verify_model(*flags));
  };
}

}  // namespace ernie
