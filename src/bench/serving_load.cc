#include "bench/serving_load.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "bench/serving_requests.h"

namespace ernie::bench {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr int64_t kVocabularyOfMost = 30'000;
constexpr int64_t kMostThreads = 4096;
constexpr std::chrono::milliseconds kHookInterval{50};
// Each of thousands of connections may ask this often.
constexpr std::chrono::milliseconds kStopInterval{500};

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

/// Whether a chunk is a piece of the answer: in a conversation the first one only names the role.
bool is_piece(const json::object& chunk, bool is_chat) {
  const json::value* choices = chunk.if_contains("choices");
  if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return false;
  if (!is_chat) return true;
  const json::object* choice = choices->get_array().front().if_object();
  const json::value* delta = choice == nullptr ? nullptr : choice->if_contains("delta");
  if (delta == nullptr || !delta->is_object()) return false;
  return std::ranges::any_of(delta->get_object(), [](const auto& member) {
    const bool is_text = member.value().is_string() && !member.value().get_string().empty();
    return member.key() != "role" && (is_text || member.value().is_array());
  });
}

/// Servers repeat in their words what they were sent.
std::string without_key(std::string text, const std::string& key) {
  if (key.empty()) return text;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 3)) {
    text.replace(at, key.size(), "***");
  }
  return text;
}

void send(HttpClient& client, const ServingOptions& options, const json::object& body,
          Clock::time_point start, ServedRequest& request) {
  request.sent_s = seconds_since(start);
  const auto done = stream(client, options.endpoint, body, [&](const json::object& chunk) {
    if (is_piece(chunk, options.is_chat)) request.chunk_s.push_back(seconds_since(start));
    read_usage(chunk, request);
    return true;
  });
  request.end_s = seconds_since(start);
  request.is_finished = done || done.error().code != ErrorCode::kCancelled;
  if (!done) request.error = without_key(done.error().message, options.server.api_key);
  if (done && request.chunk_s.empty()) request.error = "an answer without a choice";
  if (request.num_output_tokens == 0) {
    request.num_output_tokens = static_cast<int64_t>(request.chunk_s.size());
  }
}

/// The server's model, as soon as it names one.
Result<ServedModel> wait_for_model(HttpClient& probe, const ServingOptions& options,
                                   const ServingHooks& hooks) {
  const auto start = Clock::now();
  while (true) {
    auto served = first_model(probe);
    const bool may_wait = seconds_since(start) < static_cast<double>(options.ready_timeout_s);
    if (served || !may_wait || hooks.should_stop()) return served;
    std::this_thread::sleep_for(kHookInterval);
  }
}

/// The measured requests, on as many threads as may be under way.
class Load {
 public:
  Load(ServingRun& run, const ServingHooks& hooks)
      : run_(run), hooks_(hooks), due_(arrival_times(run.options)) {
    run_.requests.resize(due_.size());
  }

  void run() {
    const ServingOptions& options = run_.options;
    const int64_t most = options.max_concurrency > 0 ? options.max_concurrency : kMostThreads;
    const int64_t count = std::min({options.num_prompts, most, kMostThreads});
    std::vector<std::thread> threads;
    start_ = Clock::now();
    num_working_ = count;
    for (int64_t i = 0; i < count; ++i) {
      try {
        threads.emplace_back([this] { work(); });
      } catch (const std::system_error&) {  // as many as the system gives
        const std::lock_guard lock(mutex_);
        num_working_ -= count - i;
        break;
      }
    }
    watch();
    for (std::thread& thread : threads) thread.join();
    run_.duration_s = seconds_since(start_);
    run_.was_interrupted = was_stopped_;
    std::erase_if(run_.requests, [](const ServedRequest& one) { return !one.is_finished; });
  }

 private:
  void watch() {
    std::unique_lock lock(mutex_);
    while (num_working_ > 0) {
      worker_ended_.wait_for(lock, kHookInterval);
      if (!was_stopped_ && hooks_.should_stop()) {
        was_stopped_ = true;
        stopped_.notify_all();
      }
      hooks_.progress(num_done_);
    }
  }

  void work() {
    const ServingOptions& options = run_.options;
    HttpClient client(options.server);
    client.set_timeout(std::chrono::seconds(options.timeout_s));
    client.set_stop([this] { return was_stopped_.load(); }, kStopInterval);
    for (int64_t i = next_++; i < options.num_prompts; i = next_++) {
      ServedRequest& request = run_.requests[static_cast<size_t>(i)];
      request.due_s = due_[static_cast<size_t>(i)];
      const json::object body = serving_body(options, run_.model, i);
      if (!wait_until(request.due_s)) break;
      send(client, options, body, start_, request);
      ++num_done_;
    }
    const std::lock_guard lock(mutex_);
    --num_working_;
    worker_ended_.notify_one();
  }

  /// False if the load ends before.
  bool wait_until(double due_s) {
    const auto due =
        start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(due_s));
    if (Clock::now() >= due) return !was_stopped_;
    std::unique_lock lock(mutex_);
    return !stopped_.wait_until(lock, due, [this] { return was_stopped_.load(); });
  }

  ServingRun& run_;
  const ServingHooks& hooks_;
  const std::vector<double> due_;
  Clock::time_point start_;
  std::atomic<int64_t> next_ = 0, num_done_ = 0;
  std::atomic<bool> was_stopped_ = false;
  std::mutex mutex_;
  std::condition_variable worker_ended_, stopped_;
  int64_t num_working_ = 0;
};

}  // namespace

double ServedRequest::per_token_s() const {
  if (num_output_tokens < 2) return 0;
  return (chunk_s.back() - chunk_s.front()) / static_cast<double>(num_output_tokens - 1);
}

bool reaches_goals(const ServedRequest& request, const ServingOptions& options) {
  if (!request.ok()) return false;
  const auto reaches = [](double goal, double time) { return goal <= 0 || time <= goal; };
  return reaches(options.ttft_goal_s, request.first_token_s()) &&
         reaches(options.tpot_goal_s, request.per_token_s()) &&
         reaches(options.e2el_goal_s, request.total_s());
}

std::map<std::string, int64_t> count_errors(const ServingRun& run) {
  std::map<std::string, int64_t> counts;
  for (const ServedRequest& request : run.requests) {
    if (!request.ok()) ++counts[request.error];
  }
  return counts;
}

Result<ServingRun> run_serving_load(const ServingOptions& given, const ServingHooks& hooks) {
  ServingRun run{.options = given};
  ServingOptions& options = run.options;
  HttpClient probe(options.server);
  probe.set_timeout(std::chrono::seconds(options.timeout_s));
  probe.set_stop(hooks.should_stop, kHookInterval);
  ERNIE_TRY(const ServedModel served, wait_for_model(probe, options, hooks));
  run.model = options.model.empty() ? served.id : options.model;
  if (options.vocab_size == 0) {
    options.vocab_size = served.vocab_size > 0 ? served.vocab_size : kVocabularyOfMost;
  }
  for (int64_t i = 0; i < options.num_warmups; ++i) {
    ServedRequest warmup;
    // Prompts that the measured requests do not have.
    send(probe, options, serving_body(options, run.model, options.num_prompts + i), Clock::now(),
         warmup);
    if (!warmup.is_finished) return Error{ErrorCode::kCancelled, "interrupted"};
    if (!warmup.ok()) return make_error(ErrorCode::kIo, "the first request: {}", warmup.error);
  }
  const double processor_before = processor_seconds();
  Load(run, hooks).run();
  run.client_processor_s = processor_seconds() - processor_before;
  return run;
}

}  // namespace ernie::bench
