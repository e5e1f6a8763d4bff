#include <memory>

#include "bench/serving_report.h"
#include "cli/client_flags.h"
#include "cli/commands.h"
#include "cli/device_flags.h"
#include "cli/report_flags.h"
#include "json/text.h"

namespace ernie {
namespace {

struct ServeBenchFlags {
  ClientFlags client{.url = "http://127.0.0.1:8000", .api_key = ""};
  bench::ServingOptions options;
  std::vector<std::string> goals;  ///< ttft:MS and tpot:MS
  ReportFlags report;
};

void add_load_flags(CLI::App& app, bench::ServingOptions& options) {
  const CLI::Range count(int64_t{1}, int64_t{10'000'000});
  const CLI::Range length(int64_t{1}, int64_t{1} << 20);
  app.add_option("--num-prompts", options.num_prompts, "Requests")
      ->check(count)
      ->capture_default_str();
  app.add_option("--input-len", options.input_len, "Tokens of a prompt")
      ->check(length)
      ->capture_default_str();
  app.add_option("--output-len", options.output_len, "Tokens of an answer")
      ->check(length)
      ->capture_default_str();
  app.add_option("--prefix-len", options.prefix_len,
                 "Tokens with which all prompts begin; the rest is different in each")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->capture_default_str();
  app.add_option(
         "--request-rate", options.request_rate,
         "Requests a second, as a Poisson process; 0: as fast as --max-concurrency lets them")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--max-concurrency", options.max_concurrency,
                 "Requests under way at a time; 0: no limit")
      ->check(CLI::Range(int64_t{0}, int64_t{4096}))
      ->capture_default_str();
  app.add_option("--num-warmups", options.num_warmups, "Requests before the measured ones")
      ->check(CLI::Range(int64_t{0}, int64_t{10'000}))
      ->capture_default_str();
  app.add_option("--vocab-size", options.vocab_size,
                 "Tokens to draw from; 0: what the server says, else 30,000")
      ->check(CLI::Range(int64_t{0}, int64_t{10'000'000}))
      ->capture_default_str();
  app.add_flag("--ignore-eos,!--no-ignore-eos", options.ignore_eos, "Answers have full length")
      ->default_str("true");
  app.add_option("--temperature", options.temperature, "Of sampling; 0: greedy")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_s, "Seconds for a request")
      ->check(count)
      ->capture_default_str();
}

Result<void> read_goals(const std::vector<std::string>& goals, bench::ServingOptions& options) {
  for (const std::string& goal : goals) {
    const size_t colon = goal.find(':');
    const std::string name = goal.substr(0, colon);
    char* end = nullptr;
    const double ms = colon == std::string::npos ? -1 : std::strtod(goal.c_str() + colon + 1, &end);
    const bool is_number = end != nullptr && *end == '\0' && ms > 0;
    if (!is_number || (name != "ttft" && name != "tpot")) {
      return make_error(ErrorCode::kInvalidArgument,
                        "--goodput: got {}, expected ttft:MILLISECONDS or tpot:MILLISECONDS", goal);
    }
    (name == "ttft" ? options.ttft_goal_s : options.tpot_goal_s) = ms * 1e-3;
  }
  return {};
}

Result<void> bench_serve(ServeBenchFlags& flags) {
  bench::ServingOptions& options = flags.options;
  ERNIE_TRY(options.server, server_address(flags.client));
  ERNIE_TRY_VOID(read_goals(flags.goals, options));
  if (options.prefix_len >= options.input_len && options.prefix_len > 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--prefix-len: got {}, expected less than --input-len {}", options.prefix_len,
                      options.input_len);
  }
  ERNIE_TRY(const bench::ServingRun run, bench::run_serving_load(options));
  const report::Environment environment = report::collect_environment();
  report::Report report = bench::serving_report(run);
  report.environment = report::environment_rows(environment);
  report.environment.push_back({{"server", "服务器"}, options.server.url + options.endpoint});
  report.environment.push_back({{"seed", "种子"}, std::to_string(options.seed)});
  return write_reports(flags.report, report,
                       json_text(bench::serving_to_json(run, environment)) + "\n");
}

}  // namespace

Command add_bench_serve_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<ServeBenchFlags>();
  add_client_flags(app, flags->client, "The server to load: any with the OpenAI API");
  app.add_option("--endpoint", flags->options.endpoint, "Path of its completions")
      ->capture_default_str();
  app.add_option("--model", flags->options.model, "Its model (default: the first that it names)");
  add_load_flags(app, flags->options);
  app.add_option("--goodput", flags->goals,
                 "What a good request reaches: ttft:MS, tpot:MS, in milliseconds");
  add_seed_flag(app, flags->options.seed, "Seed of prompts and arrivals");
  add_report_flags(app, flags->report);
  return [flags]() -> Result<int> {
    ERNIE_TRY_VOID(bench_serve(*flags));
    return 0;
  };
}

}  // namespace ernie
