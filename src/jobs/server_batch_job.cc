#include "jobs/server_batch_job.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/rng.h"
#include "client/api_client.h"
#include "jobs/progress.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr double kFirstDelayS = 0.25, kLongestDelayS = 60, kLongestRetryAfterS = 3600;
constexpr std::chrono::milliseconds kStopInterval{200};

bool is_worth_a_retry(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

/// What comes back when many clients are told to wait must not come all at once: half is random.
double delay_s(int64_t attempt, double retry_after_s, uint64_t row_id) {
  const double delay = std::min(
      kLongestDelayS, std::ldexp(kFirstDelayS, static_cast<int>(std::min<int64_t>(attempt, 30))));
  const double uniform = philox_uniform(row_id, 0, static_cast<uint64_t>(attempt));
  return std::max(delay * (0.5 + 0.5 * uniform), std::min(retry_after_s, kLongestRetryAfterS));
}

struct Row {
  int64_t index = 0;
  BatchRowId id;
  std::string custom_id, path, body;
};

/// The rows of the input that the journal does not have, one after the other.
class Rows {
 public:
  Rows(BatchInput input, std::string job, std::string model, BatchJournal& journal)
      : input_(std::move(input)),
        job_(std::move(job)),
        model_(std::move(model)),
        journal_(journal) {}

  /// Nothing at the end. Lines that are no requests go into the journal as they are met.
  Result<std::optional<Row>> next(Progress& progress) {
    while (true) {
      ERNIE_TRY(std::optional<LineReader::Line> line, input_.next());
      if (!line) return std::optional<Row>();
      const int64_t index = next_++;
      auto parsed =
          line->too_long ? too_long_line<ServerBatchLine>() : parse_server_batch_line(line->text);
      ids_.check(parsed);
      if (journal_.has(index)) continue;
      BatchRowId id = batch_row_id(job_, line->number);
      if (!parsed.line_error) return std::optional(request_of(index, std::move(id), parsed));
      progress.add_rows(1);
      ERNIE_TRY_VOID(journal_.append(index, true, batch_error_row(id, parsed, line->number)));
    }
  }

 private:
  Row request_of(int64_t index, BatchRowId id, ServerBatchLine& line) const {
    line.body.erase("stream");  // a row is a whole answer
    line.body.erase("stream_options");
    if (!model_.empty() && !line.body.contains("model")) line.body["model"] = model_;
    return {index, std::move(id), *line.custom_id, std::move(line.path), json_text(line.body)};
  }

  BatchInput input_;
  const std::string job_, model_;
  BatchJournal& journal_;
  CustomIds ids_;
  int64_t next_ = 0;
};

int64_t output_tokens(const json::object& body) {
  const json::value* usage = body.if_contains("usage");
  const json::object* counts = usage == nullptr ? nullptr : usage->if_object();
  if (counts == nullptr) return 0;
  for (const char* name : {"completion_tokens", "output_tokens"}) {
    const json::value* count = counts->if_contains(name);
    if (count != nullptr && count->is_int64()) return count->get_int64();
  }
  return 0;
}

/// What a row became.
struct Outcome {
  bool failed = false;
  std::string line;
  int64_t num_tokens = 0;
};

Outcome outcome_of(const Row& row, const HttpResponse& response) {
  auto value = parse_json(response.body);
  const bool is_object = value && value->is_object();
  if (!is_object && response.status == 200) {
    return {true, batch_failure_row(row.id, row.custom_id, "invalid_response",
                                    "the server's answer is no JSON object")};
  }
  json::object body;
  if (is_object) {
    body = std::move(value->get_object());
  } else {
    const Error error = response_error(response.status, response.body);
    body["error"] = json::object{{"message", error.message}, {"code", response.status}};
  }
  const int64_t num_tokens = output_tokens(body);
  return {response.status != 200,
          batch_response_row(row.id, row.custom_id, response.status, std::move(body)), num_tokens};
}

/// Threads that send rows and wait for their answers.
class Senders {
 public:
  Senders(const ServerBatchOptions& options, Rows& rows, BatchJournal& journal, Progress& progress)
      : options_(options), rows_(rows), journal_(journal), progress_(progress) {}

  Result<void> run(const Interrupt& interrupt) {
    std::vector<std::thread> threads;
    num_working_ = options_.max_concurrency;
    for (int64_t i = 0; i < options_.max_concurrency; ++i) {
      try {
        threads.emplace_back([this] { work(); });
      } catch (const std::system_error&) {  // as many as the system gives
        const std::lock_guard lock(mutex_);
        num_working_ -= options_.max_concurrency - i;
        break;
      }
    }
    if (threads.empty()) return Error{ErrorCode::kIo, "the system gives no thread"};
    watch(interrupt);
    for (std::thread& thread : threads) thread.join();
    if (problem_) return *problem_;
    if (interrupt.raised()) return Error{ErrorCode::kCancelled, "interrupted"};
    return {};
  }

 private:
  void watch(const Interrupt& interrupt) {
    std::unique_lock lock(mutex_);
    while (num_working_ > 0) {
      sender_ended_.wait_for(lock, kInterruptPoll);
      if (interrupt.raised()) stop();
      progress_.update();
    }
  }

  /// With the lock held.
  void stop() {
    was_stopped_ = true;
    stopped_.notify_all();
  }

  void work() {
    HttpClient client(options_.server);
    client.set_timeout(std::chrono::seconds(options_.timeout_s));
    client.set_stop([this] { return was_stopped_.load(); }, kStopInterval);
    const auto done = send_rows(client);
    const std::lock_guard lock(mutex_);
    if (!done && done.error().code != ErrorCode::kCancelled && !problem_) problem_ = done.error();
    if (!done) stop();
    --num_working_;
    sender_ended_.notify_one();
  }

  Result<void> send_rows(HttpClient& client) {
    while (true) {
      std::unique_lock lock(mutex_);
      if (was_stopped_) return {};
      ERNIE_TRY(const std::optional<Row> row, rows_.next(progress_));
      if (!row) return {};
      lock.unlock();
      ERNIE_TRY(const Outcome outcome, send(client, *row));
      lock.lock();
      progress_.add_rows(1);
      progress_.add_tokens(outcome.num_tokens);
      ERNIE_TRY_VOID(journal_.append(row->index, outcome.failed, outcome.line));
    }
  }

  /// Error: the job cannot go on.
  Result<Outcome> send(HttpClient& client, const Row& row) {
    for (int64_t attempt = 0;; ++attempt) {
      const auto response = client.request(row.path, &row.body);
      if (response && !is_worth_a_retry(response->status)) return outcome_of(row, *response);
      if (!response && response.error().code == ErrorCode::kCancelled) return response.error();
      if (attempt < options_.max_retries) {
        const double asked_s = response ? response->retry_after_s : -1;
        if (!wait(delay_s(attempt, asked_s, row.id.low))) {
          return Error{ErrorCode::kCancelled, "interrupted"};
        }
        continue;
      }
      if (response) return outcome_of(row, *response);
      if (response.error().code == ErrorCode::kNotFound) return response.error();
      return Outcome{true, batch_failure_row(row.id, row.custom_id, "connection_error",
                                             response.error().message)};
    }
  }

  /// False if the job ends before.
  bool wait(double seconds) {
    std::unique_lock lock(mutex_);
    return !stopped_.wait_for(lock, std::chrono::duration<double>(seconds),
                              [this] { return was_stopped_.load(); });
  }

  const ServerBatchOptions& options_;
  std::mutex mutex_;  // of all that follows
  Rows& rows_;
  BatchJournal& journal_;
  Progress& progress_;
  std::condition_variable sender_ended_, stopped_;
  std::atomic<bool> was_stopped_ = false;
  std::optional<Error> problem_;
  int64_t num_working_ = 0;
};

/// The model for bodies that name none; empty if the server does not list its models. Error: it
/// cannot be reached, or wants another key.
Result<std::string> model_of(const ServerBatchOptions& options, const Interrupt& interrupt) {
  HttpClient client(options.server);
  client.set_timeout(std::chrono::seconds(options.timeout_s));
  client.set_stop([&] { return interrupt.raised(); }, kInterruptPoll);
  ERNIE_TRY(const HttpResponse response, client.request("/v1/models"));
  if (response.status == 401 || response.status == 403) {
    return response_error(response.status, response.body);
  }
  const auto model = first_model(response);
  return model ? model->id : std::string();
}

}  // namespace

Result<bool> run_server_batch_job(const ServerBatchOptions& options, const Interrupt& interrupt) {
  ERNIE_TRY(const InputSummary input, summarize_input(options.files.input));
  JobFingerprint fingerprint;
  fingerprint.input = fmt::format("{} bytes, checksum {:016x}", input.num_bytes, input.checksum);
  fingerprint.model = "server " + options.server.url;
  fingerprint.flags = "url";
  const std::string job = fmt::format("{}\n{}", fingerprint.input, fingerprint.model);
  return run_batch_files(
      options.files, fingerprint, job, input, [&](BatchJournal& journal) -> Result<void> {
        auto model = model_of(options, interrupt);
        if (!model) {
          // A mistyped address must not be the one that the job goes on with.
          if (journal.num_finished() == 0) ERNIE_TRY_VOID(journal.remove());
          return model.error();
        }
        ERNIE_TRY(BatchInput lines, BatchInput::open(options.files.input, input));
        Rows rows(std::move(lines), job, *std::move(model), journal);
        Progress progress(input.num_rows(), journal.num_finished(), options.quiet);
        const auto done = Senders(options, rows, journal, progress).run(interrupt);
        progress.clear();
        ERNIE_TRY_VOID(journal.sync());
        const ProgressState& state = progress.state();
        spdlog::info("{} rows and {} tokens in {:.1f} s", state.num_done - state.num_before,
                     state.num_tokens, state.seconds);
        return done;
      });
}

}  // namespace ernie
