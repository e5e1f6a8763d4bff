#include "bench/serving_load.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

#include "base/rng.h"

namespace ernie::bench {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr int64_t kFirstPlainToken = 300;  // below are bytes, digits and control tokens
constexpr int64_t kVocabularyOfMost = 30'000;
constexpr int64_t kMostThreads = 4096;
enum Stream : uint64_t { kPrefix = 1, kPrompts = 2, kArrivals = 3 };

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// A token of a random prompt, the same for the same arguments.
int64_t random_token(const ServingOptions& options, uint64_t stream, uint64_t index) {
  const auto count = static_cast<double>(options.vocab_size - kFirstPlainToken);
  return kFirstPlainToken +
         static_cast<int64_t>(philox_uniform(options.seed, stream, index) * count);
}

json::array random_prompt(const ServingOptions& options, int64_t request) {
  json::array ids;
  for (int64_t i = 0; i < options.input_len; ++i) {
    const bool is_shared = i < options.prefix_len;
    const uint64_t index = static_cast<uint64_t>(is_shared ? i : request * options.input_len + i);
    ids.emplace_back(random_token(options, is_shared ? kPrefix : kPrompts, index));
  }
  return ids;
}

json::object request_body(const ServingOptions& options, const std::string& model,
                          int64_t request) {
  return {{"model", model},
          {"prompt", random_prompt(options, request)},
          {"max_tokens", options.output_len},
          {"temperature", options.temperature},
          {"ignore_eos", options.ignore_eos},
          {"stream", true},
          {"stream_options", {{"include_usage", true}}}};
}

void read_usage(const json::object& chunk, ServedRequest& request) {
  const json::value* usage = chunk.if_contains("usage");
  if (usage == nullptr || !usage->is_object()) return;
  const auto count = [](const json::object& object, const char* name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? value->get_int64() : int64_t{0};
  };
  const json::object& counts = usage->get_object();
  request.num_prompt_tokens = count(counts, "prompt_tokens");
  request.num_output_tokens = count(counts, "completion_tokens");
  const json::value* details = counts.if_contains("prompt_tokens_details");
  if (details != nullptr && details->is_object()) {
    request.num_cached_tokens = count(details->get_object(), "cached_tokens");
  }
}

void send(HttpClient& client, const ServingOptions& options, const json::object& body,
          Clock::time_point start, ServedRequest& request) {
  request.sent_s = seconds_since(start);
  const auto done = stream(client, options.endpoint, body, [&](const json::object& chunk) {
    const json::value* choices = chunk.if_contains("choices");
    const bool has_choice =
        choices != nullptr && choices->is_array() && !choices->get_array().empty();
    if (has_choice) request.chunk_s.push_back(seconds_since(start));
    read_usage(chunk, request);
    return true;
  });
  request.end_s = seconds_since(start);
  if (!done) request.error = done.error().message;
  if (done && request.chunk_s.empty()) request.error = "an answer without a choice";
}

/// When each request is to be sent: exponential times between them.
std::vector<double> arrivals(const ServingOptions& options) {
  std::vector<double> times(static_cast<size_t>(options.num_prompts), 0);
  if (options.request_rate <= 0) return times;
  double time = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    times[i] = time;
    const double uniform = philox_uniform(options.seed, kArrivals, i);
    time -= std::log(std::max(1 - uniform, 1e-9)) / options.request_rate;
  }
  return times;
}

}  // namespace

double ServedRequest::per_token_s() const {
  if (num_output_tokens < 2) return 0;
  return (chunk_s.back() - chunk_s.front()) / static_cast<double>(num_output_tokens - 1);
}

bool reaches_goals(const ServedRequest& request, const ServingOptions& options) {
  if (!request.ok()) return false;
  const bool soon = options.ttft_goal_s <= 0 || request.first_token_s() <= options.ttft_goal_s;
  const bool fast = options.tpot_goal_s <= 0 || request.per_token_s() <= options.tpot_goal_s;
  return soon && fast;
}

std::map<std::string, int64_t> count_errors(const ServingRun& run) {
  std::map<std::string, int64_t> counts;
  for (const ServedRequest& request : run.requests) {
    if (!request.ok()) ++counts[request.error];
  }
  return counts;
}

Result<ServingRun> run_serving_load(const ServingOptions& given) {
  ServingRun run{.options = given};
  ServingOptions& options = run.options;
  HttpClient probe(options.server);
  probe.set_timeout(std::chrono::seconds(options.timeout_s));
  ERNIE_TRY(const ServedModel served, first_model(probe));
  run.model = options.model.empty() ? served.id : options.model;
  if (options.vocab_size == 0) {
    options.vocab_size = served.vocab_size > 0 ? served.vocab_size : kVocabularyOfMost;
  }
  for (int64_t i = 0; i < options.num_warmups; ++i) {
    ServedRequest warmup;
    // Prompts that the measured requests do not have.
    send(probe, options, request_body(options, run.model, options.num_prompts + i), Clock::now(),
         warmup);
    if (!warmup.ok()) return make_error(ErrorCode::kIo, "the first request: {}", warmup.error);
  }
  const std::vector<double> due = arrivals(options);
  run.requests.resize(static_cast<size_t>(options.num_prompts));
  const int64_t most = options.max_concurrency > 0 ? options.max_concurrency : kMostThreads;
  const int64_t num_threads = std::min({options.num_prompts, most, kMostThreads});
  std::atomic<int64_t> next = 0;
  const double processor_before = processor_seconds();
  const auto start = Clock::now();
  const auto work = [&] {
    HttpClient client(options.server);
    client.set_timeout(std::chrono::seconds(options.timeout_s));
    for (int64_t i = next++; i < options.num_prompts; i = next++) {
      ServedRequest& request = run.requests[static_cast<size_t>(i)];
      request.due_s = due[static_cast<size_t>(i)];
      const json::object body = request_body(options, run.model, i);
      std::this_thread::sleep_until(start + std::chrono::duration_cast<Clock::duration>(
                                                std::chrono::duration<double>(request.due_s)));
      send(client, options, body, start, request);
    }
  };
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < num_threads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  run.duration_s = seconds_since(start);
  run.client_processor_s = processor_seconds() - processor_before;
  return run;
}

}  // namespace ernie::bench
