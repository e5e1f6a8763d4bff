#pragma once

#include <map>
#include <optional>
#include <string>

#include "jobs/generation.h"
#include "jobs/line_reader.h"
#include "jobs/ordered_lines.h"
#include "jobs/progress.h"
#include "jobs/receipt_run.h"

namespace ernie {

/// Results of long contexts with log-probabilities are longer than requests.
inline constexpr size_t kMaxResultLineBytes = size_t{256} << 20;

/// What a results file says of itself, before anything is computed.
struct ReceiptSummary {
  int64_t num_rows = 0;
  int64_t num_receipts = 0;
  int64_t longest = 0;  ///< tokens of prompt and output
};
Result<ReceiptSummary> summarize_receipts(const std::string& results);

/// Recomputes the answers of a results file and writes a verdict on each line, in order.
class ReceiptReplay : public GenerationJob {
 public:
  struct Files {
    LineReader results;
    std::optional<LineReader> input;
    bool is_part = false;  ///< rows may be missing
  };
  /// `own` and `rules` must outlive the job, and so the tokenizer in them, and `output`, which may
  /// be null: then only the run() tells what was found.
  ReceiptReplay(Files files, const OwnModel& own, const InputRules& rules, OrderedLines* output,
                Progress& progress);

  Result<std::optional<JobRequest>> next() override;
  Result<void> finished(int64_t row, Result<GenerationResult> result) override;
  void progressed(int64_t num_new_tokens) override;

  /// After all lines: looks what is wrong with the file as a whole.
  Result<void> check_end();
  const ReceiptRun& run() const { return run_; }

 private:
  struct Row {
    int64_t line_number = 0;
    ResultLine line;
    std::optional<UserPrompt> prompt;
    std::vector<TokenRecord> tokens;
    Findings findings;
  };

  Result<std::optional<GenerationRequest>> start(const LineReader::Line& line, int64_t row);
  void check_place(Row& row);
  Result<void> check_against_input(Row& row);
  Findings check_again(const Row& row, const GenerationResult& result) const;
  void try_canary(const Row& row, const GenerationResult& result);
  Result<void> put_verdict(int64_t row, const Row& done);
  Result<void> put_line(int64_t row, std::string line);

  Files files_;
  const OwnModel& own_;
  const InputRules& rules_;
  OrderedLines* output_;
  Progress& progress_;
  ReceiptRun run_;
  int64_t next_row_ = 0, num_rows_of_job_ = 0, input_row_ = 0, num_verdicts_ = 0;
  std::string input_line_;
  std::map<int64_t, Row> running_;
};

}  // namespace ernie
