#include "server/metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>

#include "server/metrics_text.h"
#include "server/process_metrics.h"

namespace ernie {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;
using Labels = prometheus::Labels;

const Buckets kFirstTokenSeconds{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                                 1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
const Buckets kTokenSeconds{.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                            .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
const Buckets kRequestSeconds{.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                              30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
const Buckets kIterationTokens{1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
const Buckets kCounts{1, 2, 5, 10, 20};
const Buckets kHttpSeconds{.1, .5, 1};

/// 1, 2, 5, 10, 20, 50, … up to `most`.
Buckets token_buckets(int64_t most) {
  Buckets buckets;
  for (double decade = 1;; decade *= 10) {
    for (const double step : {1, 2, 5}) {
      if (decade * step > static_cast<double>(most)) return buckets;
      buckets.push_back(decade * step);
    }
  }
}

std::string_view finish_label(FinishReason reason) { return finish_reason_name(reason); }

}  // namespace

struct Metrics::State {
  explicit State(std::string name) : model_name(std::move(name)) {}

  Labels labels(Labels more = {}) const {
    more.emplace("model_name", model_name);
    more.emplace("engine", "0");
    return more;
  }
  Counter& counter(const std::string& name, const std::string& help, Labels more = {}) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(
        labels(std::move(more)));
  }
  Gauge& gauge(const std::string& name, const std::string& help, Labels more = {}) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(
        labels(std::move(more)));
  }
  Histogram& histogram(const std::string& name, const std::string& help, const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels(),
                                                                                     buckets);
  }
  void add_families(const EngineOptions& options, const EngineCounters& counters);
  void record_end(const RequestOutput& output);
  void update_gauges(const EngineLoopStatus& status);

  std::string model_name;
  prometheus::Registry registry;
  ProcessMetrics process{registry};
  bool has_families = false;

  // Of the engine.
  Gauge *running, *waiting, *waiting_capacity, *waiting_deferred, *kv_usage, *awake;
  Counter *prefix_queries, *prefix_hits, *preemptions, *prompt_tokens, *cached_tokens, *computed,
      *cache_hits, *generation_tokens, *busy_seconds, *forward_seconds;
  std::map<FinishReason, Counter*> finished;
  Histogram *prompt_length, *output_length, *max_output_length, *params_max_tokens, *params_n,
      *prefill_computed, *iteration_tokens, *first_token, *between_tokens, *per_token, *total,
      *queue, *inference, *prefill, *decode;
  // Of HTTP.
  prometheus::Family<Counter>* http_requests = nullptr;
  prometheus::Family<Histogram>* http_seconds = nullptr;

  // Of steps: used by the engine's thread alone.
  struct Request {
    std::chrono::steady_clock::time_point last_token;
    int64_t num_tokens = 0;
  };
  std::unordered_map<RequestId, Request> requests;
  int64_t num_computed_tokens = 0;

  std::mutex scrape_mutex;
  EngineCounters scraped;  // what the counters of the registry have been told of already
};

void Metrics::State::add_families(const EngineOptions& options, const EngineCounters& counters) {
  running = &gauge("vllm:num_requests_running", "Requests in the batches that are computed.");
  waiting = &gauge("vllm:num_requests_waiting", "Requests that wait to be computed.");
  const std::string by_reason = "vllm:num_requests_waiting_by_reason";
  waiting_capacity = &gauge(by_reason, "Waiting requests by reason.", {{"reason", "capacity"}});
  waiting_deferred = &gauge(by_reason, "Waiting requests by reason.", {{"reason", "deferred"}});
  kv_usage = &gauge("vllm:kv_cache_usage_perc", "Share of the KV cache in use; 1 is all of it.");
  for (const char* state : {"awake", "weights_offloaded", "discard_all"}) {
    Gauge& one =
        gauge("vllm:engine_sleep_state", "Whether the engine is awake.", {{"sleep_state", state}});
    if (std::string_view(state) == "awake") one.Set(1);
  }
  prefix_queries = &counter("vllm:prefix_cache_queries_total",
                            "Prompt tokens that were looked up in the prefix cache.");
  prefix_hits = &counter("vllm:prefix_cache_hits_total",
                         "Prompt tokens that were found in the prefix cache.");
  preemptions = &counter("vllm:num_preemptions_total", "Preemptions by lack of KV blocks.");
  prompt_tokens = &counter("vllm:prompt_tokens_total", "Tokens of prompts that were prefilled.");
  cached_tokens = &counter("vllm:prompt_tokens_cached_total", "Those of them that were cached.");
  const std::string by_source = "vllm:prompt_tokens_by_source_total";
  computed = &counter(by_source, "Prompt tokens by source.", {{"source", "local_compute"}});
  cache_hits = &counter(by_source, "Prompt tokens by source.", {{"source", "local_cache_hit"}});
  counter(by_source, "Prompt tokens by source.", {{"source", "external_kv_transfer"}});
  generation_tokens = &counter("vllm:generation_tokens_total", "Tokens that were generated.");
  busy_seconds = &counter("ernie:engine_busy_seconds_total",
                          "Time in which the engine's thread had requests.");
  forward_seconds = &counter("ernie:engine_forward_seconds_total",
                             "Of that, time in forward passes and sampling.");
  for (const FinishReason reason :
       {FinishReason::kStop, FinishReason::kLength, FinishReason::kAbort, FinishReason::kError}) {
    finished[reason] = &counter("vllm:request_success_total", "Requests that ended.",
                                {{"finished_reason", std::string(finish_label(reason))}});
  }
  const Buckets tokens = token_buckets(options.max_model_len);
  prompt_length = &histogram("vllm:request_prompt_tokens", "Prompt tokens of a request.", tokens);
  output_length =
      &histogram("vllm:request_generation_tokens", "Generated tokens of a request.", tokens);
  max_output_length = &histogram("vllm:request_max_num_generation_tokens",
                                 "Most tokens generated for a choice of a request.", tokens);
  params_max_tokens = &histogram("vllm:request_params_max_tokens", "max_tokens asked for.", tokens);
  params_n = &histogram("vllm:request_params_n", "n asked for.", kCounts);
  prefill_computed = &histogram("vllm:request_prefill_kv_computed_tokens",
                                "Prompt tokens that were not in the cache.", tokens);
  iteration_tokens =
      &histogram("vllm:iteration_tokens_total", "Tokens of a step.", kIterationTokens);
  first_token = &histogram("vllm:time_to_first_token_seconds",
                           "From a request's arrival to its first token.", kFirstTokenSeconds);
  between_tokens = &histogram("vllm:inter_token_latency_seconds",
                              "Between two tokens of a request.", kTokenSeconds);
  per_token = &histogram("vllm:request_time_per_output_token_seconds",
                         "A request's mean time between tokens.", kTokenSeconds);
  total = &histogram("vllm:e2e_request_latency_seconds", "From arrival to end.", kRequestSeconds);
  queue = &histogram("vllm:request_queue_time_seconds", "Time in the queue.", kRequestSeconds);
  inference =
      &histogram("vllm:request_inference_time_seconds", "Time being computed.", kRequestSeconds);
  prefill = &histogram("vllm:request_prefill_time_seconds", "Time of the prompt.", kRequestSeconds);
  decode =
      &histogram("vllm:request_decode_time_seconds", "Time behind the prompt.", kRequestSeconds);
  http_requests = &prometheus::BuildCounter()
                       .Name("http_requests_total")
                       .Help("Requests by route, method and class of status.")
                       .Register(registry);
  http_seconds = &prometheus::BuildHistogram()
                      .Name("http_request_duration_seconds")
                      .Help("Time of requests by route.")
                      .Register(registry);
  gauge("vllm:cache_config_info", "Settings of the cache.",
        {{"block_size", std::to_string(options.block_size)},
         {"cache_dtype", "auto"},
         {"num_gpu_blocks", std::to_string(counters.num_blocks)},  // which routers ask for
         {"kv_cache_size_tokens", std::to_string(counters.num_blocks * options.block_size)},
         {"kv_cache_max_concurrency",
          fmt::format("{:.2f}", static_cast<double>(counters.num_blocks * options.block_size) /
                                    static_cast<double>(options.max_model_len))},
         {"enable_prefix_caching", options.enable_prefix_caching ? "True" : "False"},
         {"kv_cache_memory_bytes", std::to_string(options.kv_cache_bytes)}})
      .Set(1);
  has_families = true;
}

Metrics::Metrics(std::string model_name) : state_(std::make_unique<State>(std::move(model_name))) {}
Metrics::~Metrics() = default;

void Metrics::set_model(const std::string& model_name, const Engine& engine) {
  const std::lock_guard lock(state_->scrape_mutex);
  state_->model_name = model_name;
  state_->add_families(engine.options(), engine.counters());
}

void Metrics::record_step(const StepRecord& record, const EngineLoop* loop) {
  State& s = *state_;
  int64_t num_first = 0, num_tokens = 0;
  for (const RequestOutput& output : record.outputs) {
    State::Request& request = s.requests[output.request_id];
    for (size_t i = 0; i < output.token_ids.size(); ++i) {
      if (request.num_tokens++ == 0) {
        ++num_first;
      } else {
        const std::chrono::duration<double> passed = record.ended - request.last_token;
        s.between_tokens->Observe(passed.count());
      }
      request.last_token = record.ended;
      ++num_tokens;
    }
    if (output.finish_reason) {
      s.record_end(output);
      s.requests.erase(output.request_id);
    }
  }
  s.generation_tokens->Increment(static_cast<double>(num_tokens));
  if (loop == nullptr) return;
  const int64_t computed = loop->status().engine.num_computed_tokens;
  const int64_t in_step = computed - s.num_computed_tokens + num_first;
  s.num_computed_tokens = computed;
  if (in_step > 0) s.iteration_tokens->Observe(static_cast<double>(in_step));
}

void Metrics::State::record_end(const RequestOutput& output) {
  finished.at(*output.finish_reason)->Increment();
  const auto prompt = static_cast<double>(output.num_prompt_tokens);
  const auto cached = static_cast<double>(output.num_cached_tokens);
  const auto generated = static_cast<double>(output.num_output_tokens);
  const RequestTimings& times = output.timings;
  total->Observe(times.total_s);
  prompt_length->Observe(prompt);
  output_length->Observe(generated);
  max_output_length->Observe(generated);
  if (times.queue_s > 0 || times.first_token_s > 0) queue->Observe(times.queue_s);
  if (times.first_token_s <= 0) return;  // it ended before it had computed its prompt
  prompt_tokens->Increment(prompt);
  cached_tokens->Increment(cached);
  cache_hits->Increment(cached);
  computed->Increment(prompt - cached);
  prefill_computed->Observe(prompt - cached);
  first_token->Observe(times.first_token_s);
  inference->Observe(times.total_s - times.queue_s);
  prefill->Observe(times.first_token_s - times.queue_s);
  decode->Observe(times.total_s - times.first_token_s);
  if (generated > 1) per_token->Observe((times.total_s - times.first_token_s) / (generated - 1));
}

void Metrics::record_request(const ServerRequest& request) {
  State& s = *state_;
  if (!s.has_families) return;
  s.params_n->Observe(request.n);
  if (request.has_max_tokens) s.params_max_tokens->Observe(request.params.max_tokens);
}

void Metrics::record_http(std::string_view route, std::string_view method, int status,
                          double seconds) {
  State& s = *state_;
  for (const char* quiet : {"/metrics", "/health", "/load", "/ping", "/version", "/ready"}) {
    if (route == quiet) return;
  }
  const std::lock_guard lock(s.scrape_mutex);
  if (!s.has_families) return;
  const bool known = method == "GET" || method == "POST" || method == "OPTIONS" || method == "HEAD";
  const std::string handler(route), verb = known ? std::string(method) : "other";
  s.http_requests
      ->Add(
          {{"handler", handler}, {"method", verb}, {"status", std::to_string(status / 100) + "xx"}})
      .Increment();
  s.http_seconds->Add({{"handler", handler}, {"method", verb}}, kHttpSeconds).Observe(seconds);
}

void Metrics::State::update_gauges(const EngineLoopStatus& status) {
  const EngineCounters& now = status.engine;
  const auto num_waiting =
      static_cast<double>(std::max<int64_t>(status.num_unfinished - now.num_running, 0));
  running->Set(static_cast<double>(now.num_running));
  waiting->Set(num_waiting);
  waiting_capacity->Set(num_waiting);
  waiting_deferred->Set(0);
  kv_usage->Set(now.num_blocks == 0 ? 0
                                    : static_cast<double>(now.num_used_blocks) /
                                          static_cast<double>(now.num_blocks));
  const auto add = [&](Counter* counter, int64_t EngineCounters::*member) {
    counter->Increment(static_cast<double>(now.*member - scraped.*member));
  };
  add(preemptions, &EngineCounters::num_preemptions);
  add(prefix_queries, &EngineCounters::num_prefix_queries);
  add(prefix_hits, &EngineCounters::num_prefix_hits);
  forward_seconds->Increment(now.forward_s - scraped.forward_s);
  busy_seconds->Increment(status.busy_s - busy_seconds->Value());
  scraped = now;
}

std::string Metrics::text(const EngineLoop* loop) {
  State& s = *state_;
  const std::lock_guard lock(s.scrape_mutex);
  s.process.update();
  if (s.has_families && loop != nullptr) s.update_gauges(loop->status());
  return metrics_text(s.registry.Collect());
}

}  // namespace ernie
