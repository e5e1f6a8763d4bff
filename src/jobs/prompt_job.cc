#include "jobs/prompt_job.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>

#include "api/prompt_file.h"
#include "api/receipt_json.h"
#include "base/output_check.h"
#include "base/rng.h"
#include "jobs/batch_input.h"
#include "jobs/generation.h"
#include "jobs/line_reader.h"
#include "jobs/ordered_lines.h"
#include "jobs/progress.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr int64_t kMaxRowsAhead = 1024;
// To wake up for each token of a small model would take a tenth of its time.
constexpr std::chrono::milliseconds kPrintInterval{5};

/// Completes the receipt of an answer and puts it into its line.
void add_receipt(Receipt& receipt, const LineId& id, const GenerationResult& result,
                 json::object& line) {
  receipt.id = id;
  finish_receipt(receipt, result, line.at("text").as_string());
  line[kReceiptKey] = receipt_to_json(receipt);
}

Result<void> write_manifest_beside(const PromptOptions& options) {
  if (!options.receipts) return {};
  if (options.output == "-") {
    spdlog::warn(
        "receipts: without --output FILE the model's digests are written nowhere: a tensor "
        "that differs cannot be named");
    return {};
  }
  return write_manifest(*options.receipts, options.output);
}

class PromptJob : public GenerationJob {
 public:
  PromptJob(const LoadedEngine& loaded, const PromptOptions& options, LineReader reader,
            OrderedLines& output, Progress& progress)
      : loaded_(loaded),
        options_(options),
        defaults_{options.params, options.chat, options.system},
        reader_(std::move(reader)),
        output_(output),
        progress_(progress) {}

  int64_t num_failed() const { return num_failed_; }

  Result<std::optional<JobRequest>> next() override {
    while (next_row_ - output_.num_written() < kMaxRowsAhead) {
      ERNIE_TRY(std::optional<LineReader::Line> line, reader_.next());
      if (!line) break;
      const int64_t row = next_row_++;
      Row& started = running_[row];
      started.line_number = line->number;
      auto request = make_request(*line, started);
      if (request) return std::optional<JobRequest>(JobRequest{row, *std::move(request)});
      ERNIE_TRY_VOID(finished(row, std::move(request).error()));
    }
    return std::optional<JobRequest>();
  }

  Result<void> finished(int64_t row, Result<GenerationResult> result) override {
    const auto node = running_.extract(row);
    const Row& done = node.mapped();
    progress_.add_rows(1);
    if (!result) {
      ++num_failed_;
      return output_.put(row, prompt_error_line(done.id(), result.error(), done.line_number));
    }
    return output_.put(row, result_line(done, *result));
  }

  void progressed(int64_t num_new_tokens) override {
    progress_.add_tokens(num_new_tokens);
    progress_.update();
  }

 private:
  struct Row {
    int64_t line_number = 0;
    PromptLine line;
    std::shared_ptr<Receipt> receipt;  // only if asked for

    LineId id() const { return line.id.value_or(line_number); }
  };

  std::string result_line(const Row& row, const GenerationResult& result) const {
    json::object line = prompt_result(row.id(), row.line.request->params, result,
                                      loaded_.tokenizer.get(), options_.token_ids);
    if (row.receipt != nullptr) add_receipt(*row.receipt, row.id(), result, line);
    return json_text(line);
  }

  Result<GenerationRequest> make_request(const LineReader::Line& line, Row& row) const {
    if (line.too_long) {
      return make_error(ErrorCode::kInvalidArgument, "longer than {} bytes", kMaxLineBytes);
    }
    row.line = parse_prompt_line(line.text, defaults_);
    if (!row.line.request) return row.line.error;
    ApiRequest& request = *row.line.request;
    if (!request.has_seed) {
      const auto bits = philox(options_.seed, static_cast<uint64_t>(line.number), 0);
      request.params.seed = static_cast<uint64_t>(bits[0]) << 32 | bits[1];
    }
    ERNIE_TRY(GenerationRequest generation,
              to_generation_request(request, loaded_.tokenizer.get(), loaded_.chat_template));
    if (options_.receipts) {
      row.receipt = start_receipt(options_.receipts->common, generation,
                                  request.params.prompt_logprobs, request.echo);
      row.receipt->row = next_row_;
      row.receipt->num_rows = progress_.state().num_total;
    }
    return generation;
  }

  const LoadedEngine& loaded_;
  const PromptOptions& options_;
  const PromptDefaults defaults_;
  LineReader reader_;
  OrderedLines& output_;
  Progress& progress_;
  int64_t next_row_ = 0;
  int64_t num_failed_ = 0;
  std::unordered_map<int64_t, Row> running_;
};

Result<FileHandle> open_output(const PromptOptions& options) {
  if (options.output == "-") return standard_output();
  ERNIE_TRY_VOID(check_outputs({options.input}, {options.output}));
  return FileHandle::open(options.output, O_WRONLY | O_CREAT | O_TRUNC);
}

/// 0 if that cannot be known before reading.
int64_t count_rows(const std::string& input) {
  if (input == "-") return 0;
  const auto summary = summarize_input(input);
  return summary ? summary->num_rows() : 0;
}

double per_second(int64_t count, double seconds) {
  return static_cast<double>(count) / std::max(seconds, 1e-9);
}

void log_job_statistics(const ProgressState& state, int64_t num_failed) {
  spdlog::info("{} rows, {} of them errors, {} tokens in {:.1f} s, {:.1f} tok/s", state.num_done,
               num_failed, state.num_tokens, state.seconds,
               per_second(state.num_tokens, state.seconds));
}

void log_prompt_statistics(const GenerationResult& result) {
  const RequestTimings& timings = result.timings;
  spdlog::info(
      "prompt {} tokens, {:.1f} tok/s; output {} tokens, {:.1f} tok/s; first token after {:.3f} s; "
      "finish reason {}",
      result.num_prompt_tokens, per_second(result.num_prompt_tokens, timings.first_token_s),
      result.num_output_tokens,
      per_second(std::max<int64_t>(0, result.num_output_tokens - 1),
                 timings.total_s - timings.first_token_s),
      timings.first_token_s, finish_reason_name(result.finish_reason));
}

/// One line per token: id, text, log-probability, rank, and the likeliest ones.
std::string logprobs_table(const std::vector<TokenLogprob>& logprobs, const Tokenizer* tokenizer) {
  const auto text = [tokenizer](TokenId id) {
    const std::string bytes = tokenizer == nullptr ? "" : tokenizer->decode({&id, 1}, true);
    return fmt::format("{} {:?}", id, bytes);
  };
  std::string table;
  for (const TokenLogprob& token : logprobs) {
    table += fmt::format("{}\t{:.4f}\trank {}", text(token.token_id), token.logprob, token.rank);
    for (const auto& [id, logprob] : token.top) {
      table += fmt::format("\t{}:{:.4f}", text(id), logprob);
    }
    table += '\n';
  }
  return table;
}

/// Prints text as it comes, until the request ends or the user has enough.
Result<GenerationResult> print_stream(EngineLoop& loop, TokenStream stream, const FileHandle& out,
                                      const Interrupt& interrupt) {
  GenerationResult result;
  while (!stream.ended()) {
    if (interrupt.raised()) stream.cancel();
    auto update = stream.next_for(kInterruptPoll);
    if (!update) continue;
    ERNIE_TRY_VOID(out.write_all(update->text));
    result.append(*std::move(update));
    stream.wait_for_end(kPrintInterval);
  }
  if (result.finish_reason == FinishReason::kError) ERNIE_TRY_VOID(loop.health());
  return checked(std::move(result));
}

}  // namespace

Result<bool> run_prompt_file(LoadedEngine loaded, const PromptOptions& options,
                             const Interrupt& interrupt) {
  ERNIE_TRY(LineReader reader, LineReader::open(options.input));
  ERNIE_TRY(FileHandle file, open_output(options));
  ERNIE_TRY_VOID(write_manifest_beside(options));
  OrderedLines output(std::move(file));
  // Results on the terminal and a bar there would run into each other.
  const bool quiet = options.quiet || (options.output == "-" && ::isatty(STDOUT_FILENO) == 1);
  Progress progress(count_rows(options.input), 0, quiet);
  PromptJob job(loaded, options, std::move(reader), output, progress);
  ERNIE_TRY(const auto loop, EngineLoop::create(std::move(loaded.engine)));
  const auto done = run_job(*loop, job, request_window(*loop), interrupt);
  progress.clear();
  ERNIE_TRY_VOID(output.flush());
  ERNIE_TRY_VOID(done);
  log_job_statistics(progress.state(), job.num_failed());
  return job.num_failed() == 0;
}

Result<void> run_prompt(LoadedEngine loaded, const PromptOptions& options,
                        const Interrupt& interrupt) {
  SamplingParams params = options.params;
  params.seed = options.seed;
  const UserPrompt prompt =
      options.chat ? user_turn(options.prompt, options.system) : UserPrompt(options.prompt);
  ERNIE_TRY(GenerationRequest generation,
            to_generation_request(prompt, params, loaded.tokenizer.get(), loaded.chat_template));
  std::shared_ptr<Receipt> receipt;
  FileHandle line_file;
  if (options.receipts) {
    receipt =
        start_receipt(options.receipts->common, generation, params.prompt_logprobs, /*echo=*/false);
    receipt->row = receipt->num_rows = 1;
    ERNIE_TRY(line_file, open_output(options));
    ERNIE_TRY_VOID(write_manifest_beside(options));
  }
  ERNIE_TRY(const auto loop, EngineLoop::create(std::move(loaded.engine)));
  ERNIE_TRY(TokenStream stream, loop->submit(std::move(generation)));
  const FileHandle out = standard_output();
  if (options.echo && !options.chat) ERNIE_TRY_VOID(out.write_all(options.prompt));
  ERNIE_TRY(const GenerationResult result, print_stream(*loop, std::move(stream), out, interrupt));
  if (!result.text.ends_with('\n')) ERNIE_TRY_VOID(out.write_all("\n"));
  ERNIE_TRY_VOID(out.write_all(logprobs_table(result.prompt_logprobs, loaded.tokenizer.get())));
  ERNIE_TRY_VOID(out.write_all(logprobs_table(result.logprobs, loaded.tokenizer.get())));
  log_prompt_statistics(result);
  if (interrupt.raised()) return Error{ErrorCode::kCancelled, "interrupted"};
  if (receipt == nullptr) return {};
  const LineId id_of_line = int64_t{1};
  json::object line = prompt_result(id_of_line, params, result, loaded.tokenizer.get(), false);
  add_receipt(*receipt, id_of_line, result, line);
  return line_file.write_all(json_text(line) + "\n");
}

}  // namespace ernie
