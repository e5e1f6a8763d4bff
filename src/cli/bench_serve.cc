#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <memory>

#include "bench/serving_report.h"
#include "cli/client_flags.h"
#include "cli/commands.h"
#include "cli/device_flags.h"
#include "cli/flag_group.h"
#include "cli/report_flags.h"
#include "jobs/progress.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

constexpr const char* kCompletions = "/v1/completions";
constexpr const char* kChatCompletions = "/v1/chat/completions";

struct ServeBenchFlags {
  ClientFlags client{.url = "http://127.0.0.1:8000", .api_key = "", .ca_file = ""};
  bench::ServingOptions options;
  std::string backend = "openai", dataset = "random", extra_body;
  double request_rate = std::numeric_limits<double>::infinity();
  std::vector<std::string> goals;  ///< ttft:MS, tpot:MS and e2el:MS
  ReportFlags report;
};

void add_prompt_flags(CLI::App& app, ServeBenchFlags& flags) {
  const FlagGroup group(app, "Prompts");
  bench::ServingOptions& options = flags.options;
  const CLI::Range length(int64_t{1}, int64_t{1} << 20);
  app.add_option("--dataset-name", flags.dataset, "Where prompts come from")
      ->check(CLI::IsMember({"random"}))
      ->capture_default_str();
  app.add_option("--num-prompts", options.num_prompts, "Requests")
      ->check(CLI::Range(int64_t{1}, int64_t{10'000'000}))
      ->capture_default_str();
  app.add_option("--input-len,--random-input-len", options.input_len,
                 "Tokens of a prompt behind what all of them share")
      ->check(length)
      ->capture_default_str();
  app.add_option("--output-len,--random-output-len", options.output_len, "Tokens of an answer")
      ->check(length)
      ->capture_default_str();
  app.add_option("--random-prefix-len", options.prefix_len,
                 "Tokens with which all prompts begin, before those of --input-len")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->capture_default_str();
  app.add_option("--random-range-ratio", options.range_ratio,
                 "Lengths are drawn from LEN * (1 - R) to LEN * (1 + R)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--vocab-size", options.vocab_size,
                 "Tokens to draw from; 0: what the server says, else 30,000")
      ->check(CLI::Range(int64_t{0}, int64_t{10'000'000}))
      ->capture_default_str();
}

void add_load_flags(CLI::App& app, ServeBenchFlags& flags) {
  const FlagGroup group(app, "Load");
  bench::ServingOptions& options = flags.options;
  app.add_option("--request-rate", flags.request_rate,
                 "Requests a second; inf or 0: as fast as --max-concurrency lets them")
      ->check([](const std::string& text) {
        double rate = 0;
        const bool is_number = CLI::detail::lexical_cast(text, rate);
        return is_number && (rate >= 0 && (rate <= 1e6 || std::isinf(rate)))
                   ? ""
                   : fmt::format("got {}, expected a number from 0 to 1000000, or inf", text);
      })
      ->default_str("inf");
  app.add_option("--burstiness", options.burstiness,
                 "Shape of the gamma distribution of times between requests; 1: a Poisson "
                 "process, below 1: in bursts, above 1: evenly")
      ->check(CLI::Range(1e-3, 1e6))
      ->capture_default_str();
  app.add_option("--max-concurrency", options.max_concurrency,
                 "Requests under way at a time; 0: no limit but 4096")
      ->check(CLI::Range(int64_t{0}, int64_t{4096}))
      ->capture_default_str();
  app.add_option("--num-warmups", options.num_warmups, "Requests before the measured ones")
      ->check(CLI::Range(int64_t{0}, int64_t{10'000}))
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_s, "Seconds for a request")
      ->check(CLI::Range(int64_t{1}, int64_t{10'000'000}))
      ->capture_default_str();
  app.add_option("--ready-check-timeout-sec", options.ready_timeout_s,
                 "Seconds to wait for a server that does not answer yet")
      ->check(CLI::Range(int64_t{0}, int64_t{100'000}))
      ->capture_default_str();
}

void add_request_flags(CLI::App& app, ServeBenchFlags& flags) {
  const FlagGroup group(app, "Requests");
  bench::ServingOptions& options = flags.options;
  app.add_option("--backend", flags.backend,
                 "openai: prompts of token ids for completions; openai-chat: of words for chats")
      ->check(CLI::IsMember({"openai", "openai-chat"}))
      ->capture_default_str();
  app.add_option("--endpoint", options.endpoint, "Path of requests")
      ->default_str(fmt::format("{} or {}", kCompletions, kChatCompletions));
  app.add_option("--model", options.model, "Its model (default: the first that it names)");
  app.add_flag("--ignore-eos,!--no-ignore-eos", options.ignore_eos,
               "Answers have full length, where a server knows the field")
      ->default_str("true");
  app.add_option("--temperature", options.temperature, "Of sampling; 0: greedy")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app.add_option("--extra-body", flags.extra_body,
                 "A JSON object of fields that every request has besides");
}

Result<void> read_goals(const std::vector<std::string>& goals, bench::ServingOptions& options) {
  const std::map<std::string, double*> goals_by_name{{"ttft", &options.ttft_goal_s},
                                                     {"tpot", &options.tpot_goal_s},
                                                     {"e2el", &options.e2el_goal_s}};
  for (const std::string& goal : goals) {
    const size_t colon = goal.find(':');
    const auto found = goals_by_name.find(goal.substr(0, colon));
    double ms = 0;
    const bool is_number = colon != std::string::npos &&
                           CLI::detail::lexical_cast(goal.substr(colon + 1), ms) && ms > 0;
    if (!is_number || found == goals_by_name.end()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "--goodput: got {}, expected ttft:MS, tpot:MS or e2el:MS, in milliseconds",
                        goal);
    }
    *found->second = ms * 1e-3;
  }
  return {};
}

Result<void> complete_flags(const CLI::App& app, ServeBenchFlags& flags) {
  bench::ServingOptions& options = flags.options;
  ERNIE_TRY(options.server, server_address(flags.client));
  ERNIE_TRY_VOID(read_goals(flags.goals, options));
  options.is_chat = flags.backend == "openai-chat";
  if (app.count("--endpoint") == 0)
    options.endpoint = options.is_chat ? kChatCompletions : kCompletions;
  if (!options.endpoint.starts_with('/')) options.endpoint.insert(0, "/");
  options.request_rate = std::isinf(flags.request_rate) ? 0 : flags.request_rate;
  if (!flags.extra_body.empty()) {
    ERNIE_TRY(options.extra_body, parse_json_object(flags.extra_body, "--extra-body"));
  }
  return {};
}

report::Report report_of(const ServeBenchFlags& flags, const bench::ServingRun& run,
                         const report::Environment& environment) {
  report::Report report = bench::serving_report(run);
  report.environment = report::environment_rows(environment);
  report.environment.push_back(
      {{"server", "服务器"}, run.options.server.url + run.options.endpoint});
  report.environment.push_back({{"seed", "种子"}, std::to_string(flags.options.seed)});
  return report;
}

/// Whether every request was answered.
Result<bool> bench_serve(const CLI::App& app, ServeBenchFlags& flags, const Interrupt& interrupt) {
  ERNIE_TRY_VOID(complete_flags(app, flags));
  ProgressLine line(false);
  const bench::ServingHooks hooks{
      .should_stop = [&] { return interrupt.raised(); },
      .progress =
          [&](int64_t num_done) {
            line.show(fmt::format("{}/{} requests", num_done, flags.options.num_prompts));
          }};
  const auto run = bench::run_serving_load(flags.options, hooks);
  line.clear();
  if (!run) return interrupt.raised() ? Error{ErrorCode::kCancelled, "interrupted"} : run.error();
  const report::Environment environment = report::collect_environment();
  const std::string json = json_text(bench::serving_to_json(*run, environment)) + "\n";
  ERNIE_TRY_VOID(write_reports(flags.report, report_of(flags, *run, environment), json));
  if (run->was_interrupted) return Error{ErrorCode::kCancelled, "interrupted"};
  return bench::count_errors(*run).empty();
}

}  // namespace

Command add_bench_serve_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<ServeBenchFlags>();
  add_client_flags(app, flags->client, "The server to load: any with the OpenAI API");
  add_request_flags(app, *flags);
  add_prompt_flags(app, *flags);
  add_load_flags(app, *flags);
  app.add_option("--goodput", flags->goals,
                 "What a good request reaches: ttft:MS, tpot:MS, e2el:MS, in milliseconds");
  app.add_option("--metric-percentiles", flags->options.percentiles,
                 "Which percentiles tables show, as 50,90,99.9")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 100.0))
      ->default_str("50,95,99");
  add_seed_flag(app, flags->options.seed, "Seed of prompts and arrivals");
  add_report_flags(app, flags->report);
  return [&app, flags]() -> Result<int> {
    const Interrupt interrupt;
    const auto done = bench_serve(app, *flags, interrupt);
    return exit_code_of(done, interrupt);
  };
}

}  // namespace ernie
