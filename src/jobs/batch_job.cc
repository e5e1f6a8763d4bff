#include "jobs/batch_job.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <unordered_map>

#include "api/batch_file.h"
#include "api/receipt_json.h"
#include "jobs/batch_files.h"
#include "jobs/batch_input.h"
#include "jobs/batch_journal.h"
#include "jobs/generation.h"
#include "jobs/progress.h"
#include "json/text.h"

namespace ernie {
namespace {

JobFingerprint make_fingerprint(const LoadedEngine& loaded, const BatchOptions& options,
                                int64_t max_model_len, const InputSummary& input) {
  JobFingerprint job;
  job.input = fmt::format("{} bytes, checksum {:016x}", input.num_bytes, input.checksum);
  job.model = loaded.identity;
  job.max_model_len = max_model_len;
  job.flags = fmt::format("seed={} names={} any-model={}", options.seed,
                          fmt::join(options.model_names, ","), options.any_model);
  if (options.receipts) job.flags += " receipts=" + to_hex(options.receipts->common.model);
  return job;
}

std::string to_text(const JobFingerprint& job) {
  return fmt::format("{}\n{}\n{}", job.input, job.model, job.settings());
}

class BatchJob : public GenerationJob {
 public:
  BatchJob(const LoadedEngine& loaded, const BatchOptions& options, std::string job,
           BatchInput input, BatchJournal& journal, Progress& progress)
      : loaded_(loaded),
        options_(options),
        job_(std::move(job)),
        input_(std::move(input)),
        journal_(journal),
        progress_(progress) {
    names_ = options.model_names;
    if (names_.empty()) names_.push_back(loaded.model_name);
  }

  Result<std::optional<JobRequest>> next() override {
    while (true) {
      ERNIE_TRY(std::optional<LineReader::Line> line, input_.next());
      if (!line) return std::optional<JobRequest>();
      const int64_t row = next_row_++;
      BatchLine parsed = parse(*line);
      if (journal_.has(row)) continue;
      ERNIE_TRY(std::optional<JobRequest> request, start_row(row, line->number, std::move(parsed)));
      if (request) return request;
      progress_.update();
    }
  }

  Result<void> finished(int64_t row, Result<GenerationResult> result) override {
    const auto node = running_.extract(row);
    const Row& done = node.mapped();
    if (!result) return store_error(row, done.id, *done.line.custom_id, result.error());
    const ResponseContext context = response_context(done);
    auto body = done.line.is_chat ? chat_body(*done.line.request, *result, context)
                                  : completion_body(*done.line.request, *result, context);
    if (done.receipt != nullptr) {
      finish_receipt(*done.receipt, *result, answer_text(body));
      body[kReceiptKey] = receipt_to_json(*done.receipt);
    }
    return store(row, false,
                 batch_response_row(done.id, *done.line.custom_id, 200, std::move(body)));
  }

  void progressed(int64_t num_new_tokens) override {
    progress_.add_tokens(num_new_tokens);
    progress_.update();
  }

 private:
  struct Row {
    BatchRowId id;
    BatchLine line;
    std::vector<TokenId> prompt_ids;   // only for echo
    std::shared_ptr<Receipt> receipt;  // only if asked for
  };

  /// Reads a line and remembers its custom id, which rows that are finished already need as well.
  BatchLine parse(const LineReader::Line& line) {
    if (line.too_long) return too_long_line<BatchLine>();
    BatchLine parsed = parse_batch_line(line.text);
    ids_.check(parsed);
    return parsed;
  }

  /// A request for the engine, or nothing if the row ended here in an error.
  Result<std::optional<JobRequest>> start_row(int64_t row, int64_t line_number, BatchLine line) {
    BatchRowId id = batch_row_id(job_, line_number);
    if (line.line_error) {
      ERNIE_TRY_VOID(store(row, true, batch_error_row(id, line, line_number)));
      return std::optional<JobRequest>();
    }
    auto request = make_request(line, id);
    if (!request) {
      ERNIE_TRY_VOID(store_error(row, id, *line.custom_id, request.error()));
      return std::optional<JobRequest>();
    }
    Row& running = running_[row];
    if (line.request->echo) running.prompt_ids = request->prompt_ids;
    if (options_.receipts) {
      running.receipt = start_receipt(options_.receipts->common, *request,
                                      line.request->params.prompt_logprobs, line.request->echo);
      running.receipt->id = *line.custom_id;
      running.receipt->row = row + 1;
      running.receipt->num_rows = journal_.num_rows();
    }
    running.id = std::move(id);
    running.line = std::move(line);
    return std::optional<JobRequest>(JobRequest{row, *std::move(request)});
  }

  Result<GenerationRequest> make_request(BatchLine& line, const BatchRowId& id) const {
    if (!line.request) return line.body_error;
    ApiRequest& request = *line.request;
    if (!request.has_seed) request.params.seed = id.low;
    ERNIE_TRY_VOID(check_model(request.model));
    return to_generation_request(request, loaded_.tokenizer.get(), loaded_.chat_template);
  }

  Result<void> check_model(const std::string& model) const {
    if (model.empty() || options_.any_model) return {};
    const std::string last_part = model.substr(model.rfind('/') + 1);
    for (const std::string& name : names_) {
      if (model == name || last_part == name) return {};
    }
    return field_error(ErrorCode::kNotFound, "model", "got {}, expected \"{}\"",
                       brief(boost::json::value(model)), names_.front());
  }

  ResponseContext response_context(const Row& row) const {
    ResponseContext context;
    context.id = (row.line.is_chat ? "chatcmpl-" : "cmpl-") + row.id.hex();
    context.model = names_.front();
    context.prompt_ids = row.prompt_ids;
    context.tokenizer = loaded_.tokenizer.get();
    return context;
  }

  Result<void> store_error(int64_t row, const BatchRowId& id, const std::string& custom_id,
                           const Error& error) {
    boost::json::object body{{"error", error_object(error)}};
    return store(row, true, batch_response_row(id, custom_id, http_status(error), std::move(body)));
  }

  Result<void> store(int64_t row, bool failed, const std::string& line) {
    progress_.add_rows(1);
    return journal_.append(row, failed, line);
  }

  const LoadedEngine& loaded_;
  const BatchOptions& options_;
  const std::string job_;
  BatchInput input_;
  BatchJournal& journal_;
  Progress& progress_;
  std::vector<std::string> names_;
  CustomIds ids_;
  int64_t next_row_ = 0;
  std::unordered_map<int64_t, Row> running_;
};

/// The rows that are missing, into the journal.
Result<void> compute_rows(LoadedEngine& loaded, const BatchOptions& options, const std::string& job,
                          const InputSummary& input, BatchJournal& journal,
                          const Interrupt& interrupt) {
  if (options.receipts) {
    ERNIE_TRY_VOID(write_manifest(*options.receipts, options.output));
  }
  ERNIE_TRY(BatchInput lines, BatchInput::open(options.input, input));
  Progress progress(input.num_rows(), journal.num_finished(), options.quiet);
  BatchJob batch(loaded, options, job, std::move(lines), journal, progress);
  ERNIE_TRY(const auto loop, EngineLoop::create(std::move(loaded.engine)));
  const auto done = run_job(*loop, batch, request_window(*loop), interrupt);
  progress.clear();
  ERNIE_TRY_VOID(journal.sync());
  const ProgressState& state = progress.state();
  spdlog::info("{} rows and {} tokens in {:.1f} s, {:.1f} tok/s", state.num_done - state.num_before,
               state.num_tokens, state.seconds,
               static_cast<double>(state.num_tokens) / std::max(state.seconds, 1e-9));
  return done;
}

}  // namespace

int64_t max_model_len_of_journal(const std::string& output) {
  return std::max<int64_t>(BatchJournal::max_model_len(journal_path(output)).value_or(0), 0);
}

Result<bool> run_batch_job(LoadedEngine loaded, const BatchOptions& options,
                           const Interrupt& interrupt) {
  ERNIE_TRY(const InputSummary input, summarize_input(options.input));
  const JobFingerprint fingerprint =
      make_fingerprint(loaded, options, loaded.engine->options().max_model_len, input);
  // What the user asked for names the rows, so that they are recognised without a journal.
  const std::string job = to_text(make_fingerprint(loaded, options, options.max_model_len, input));
  const BatchFiles files{options.input, options.output, options.overwrite, options.restart};
  return run_batch_files(files, fingerprint, job, input, [&](BatchJournal& journal) {
    return compute_rows(loaded, options, job, input, journal, interrupt);
  });
}

}  // namespace ernie
