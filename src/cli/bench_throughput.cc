#include <algorithm>
#include <memory>

#include "api/prompt_file.h"
#include "bench/engine_json.h"
#include "bench/engine_report.h"
#include "cli/bench_engine.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "jobs/line_reader.h"
#include "json/text.h"

namespace ernie {
namespace {

struct ThroughputFlags {
  EngineFlags engine;
  std::string prompt_file;
  int64_t input_len = 128, output_len = 64, num_prompts = 32;
  bool ignore_eos = false;
  double limits_seconds = 2;
  ReportFlags report;
};

void add_flags(CLI::App& app, ThroughputFlags& flags) {
  const CLI::Range count(int64_t{1}, int64_t{1} << 20);
  auto* file = app.add_option("--prompt-file", flags.prompt_file,
                              "JSON lines as for `ernie run` (default: random prompts)")
                   ->type_name("FILE");
  app.add_option("--input-len", flags.input_len, "Tokens of a random prompt")
      ->excludes(file)
      ->check(count)
      ->capture_default_str();
  app.add_option("--num-prompts", flags.num_prompts, "Random prompts")
      ->excludes(file)
      ->check(count)
      ->capture_default_str();
  app.add_option("--output-len", flags.output_len,
                 "New tokens of a request; of a file's line that does not say: at most so many")
      ->check(count)
      ->capture_default_str();
  app.add_flag("--ignore-eos", flags.ignore_eos,
               "Lines of a file go on after the model's end token; random prompts always do")
      ->needs(file);
  app.add_option("--limits-seconds", flags.limits_seconds, "Time to measure the machine's limits")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  // What is measured is the time of computing; a file's prompts may share their beginnings.
  flags.engine.engine.enable_prefix_caching = false;
  add_engine_flags(app, flags.engine);
  add_report_flags(app, flags.report);
}

Result<std::vector<GenerationRequest>> requests_of_file(const ThroughputFlags& flags,
                                                        const LoadedEngine& loaded) {
  PromptDefaults defaults;
  defaults.params.temperature = 0;
  defaults.params.max_tokens = static_cast<int32_t>(flags.output_len);
  defaults.params.ignore_eos = flags.ignore_eos;
  ERNIE_TRY(LineReader reader, LineReader::open(flags.prompt_file));
  std::vector<GenerationRequest> requests;
  while (true) {
    ERNIE_TRY(const std::optional<LineReader::Line> line, reader.next());
    if (!line) break;
    const auto refuse = [&](const std::string& why) {
      return make_error(ErrorCode::kInvalidArgument, "{}:{}: {}", flags.prompt_file, line->number,
                        why);
    };
    if (line->too_long) return refuse(fmt::format("longer than {} bytes", kMaxLineBytes));
    const PromptLine prompt = parse_prompt_line(line->text, defaults);
    if (!prompt.request) return refuse(prompt.error.message);
    auto request =
        to_generation_request(*prompt.request, loaded.tokenizer.get(), loaded.chat_template);
    if (!request) return refuse(request.error().message);
    requests.push_back(*std::move(request));
  }
  if (requests.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected prompts, got none",
                      flags.prompt_file);
  }
  return requests;
}

std::vector<GenerationRequest> random_requests(const ThroughputFlags& flags,
                                               const ModelConfig& config) {
  std::vector<GenerationRequest> requests;
  for (int64_t i = 0; i < flags.num_prompts; ++i) {
    GenerationRequest request{
        bench::random_prompt(config, flags.input_len, flags.engine.seed, static_cast<uint64_t>(i)),
        {}};
    request.params.temperature = 0;
    request.params.ignore_eos = true;
    request.params.max_tokens = static_cast<int32_t>(flags.output_len);
    requests.push_back(std::move(request));
  }
  return requests;
}

Result<void> bench_throughput(ThroughputFlags& flags, const EngineLoader& loader) {
  const bool is_random = flags.prompt_file.empty();
  EngineOptions& engine = flags.engine.engine;
  if (is_random && engine.max_model_len == 0) {
    engine.max_model_len = flags.input_len + flags.output_len;
  }
  ERNIE_TRY(MeasuredEngine measured, load_measured(loader, flags.engine));
  std::vector<GenerationRequest> requests;
  if (is_random) {
    requests = random_requests(flags, measured.loaded.engine->config());
  } else {
    ERNIE_TRY(requests, requests_of_file(flags, measured.loaded));
  }
  bench::ThroughputRun run{.source = is_random ? "random" : flags.prompt_file,
                           .facts = measured.facts};
  const bench::LoadMeter meter;
  ERNIE_TRY_VOID(bench::run_throughput(std::move(measured.loaded.engine), std::move(requests),
                                       num_threads(flags.engine), flags.limits_seconds, run));
  const auto load = meter.load();
  const report::Environment environment = report::collect_environment();
  report::Report report = bench::throughput_report(run);
  report.environment = environment_of(flags.engine, run.facts, environment);
  return write_bench_report(flags.report, std::move(report),
                            bench::throughput_to_json(run, environment), load);
}

}  // namespace

Command add_bench_throughput_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<ThroughputFlags>();
  add_flags(app, *flags);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    ERNIE_TRY_VOID(bench_throughput(*flags, loader));
    return 0;
  };
}

}  // namespace ernie
