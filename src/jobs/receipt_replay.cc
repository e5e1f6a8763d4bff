#include "jobs/receipt_replay.h"

#include <algorithm>

namespace ernie {
namespace {

constexpr int64_t kMaxRowsAhead = 1024;

}  // namespace

Result<ReceiptSummary> summarize_receipts(const std::string& results) {
  ERNIE_TRY(LineReader reader, LineReader::open(results, UINT64_MAX, kMaxResultLineBytes));
  ReceiptSummary summary;
  while (true) {
    ERNIE_TRY(const auto line, reader.next());
    if (!line) return summary;
    ++summary.num_rows;
    const auto parsed = parse_result_line(line->text);
    if (!parsed || !parsed->receipt) continue;
    ++summary.num_receipts;
    const Receipt& receipt = *parsed->receipt;
    summary.longest = std::max(
        summary.longest, static_cast<int64_t>(receipt.prompt_ids.size() + receipt.tokens.size()));
  }
}

ReceiptReplay::ReceiptReplay(Files files, const OwnModel& own, const InputRules& rules,
                             OrderedLines* output, Progress& progress)
    : files_(std::move(files)), own_(own), rules_(rules), output_(output), progress_(progress) {}

Result<std::optional<JobRequest>> ReceiptReplay::next() {
  while (next_row_ - num_verdicts_ < kMaxRowsAhead) {
    ERNIE_TRY(const std::optional<LineReader::Line> line, files_.results.next());
    if (!line) break;
    const int64_t row = next_row_++;
    ERNIE_TRY(auto request, start(*line, row));
    if (request) return std::optional<JobRequest>(JobRequest{row, *std::move(request)});
    const auto node = running_.extract(row);
    ERNIE_TRY_VOID(put_verdict(row, node.mapped()));
    progress_.update();
  }
  return std::optional<JobRequest>();
}

/// What to compute for a line, or nothing if its verdict is clear already.
Result<std::optional<GenerationRequest>> ReceiptReplay::start(const LineReader::Line& line,
                                                              int64_t row_index) {
  Row& row = running_[row_index];
  row.line_number = line.number;
  const auto fail = [&row](Finding finding) {
    row.findings.push_back(std::move(finding));
    return std::optional<GenerationRequest>();
  };
  if (line.too_long) return fail({"", fmt::format("longer than {} bytes", kMaxResultLineBytes)});
  auto parsed = parse_result_line(line.text);
  if (!parsed) return fail(finding_of(parsed.error()));
  row.line = *std::move(parsed);
  if (row.line.receipt_error) return fail(finding_of(*row.line.receipt_error));
  if (!row.line.receipt) {
    return row.line.has_answer ? fail(departs("receipt", "there is none")) : std::nullopt;
  }
  ++run_.counts.num_receipts;
  row.findings = check_receipt(row.line, own_);
  check_place(row);
  ERNIE_TRY_VOID(check_against_input(row));
  auto request = repeated_request(row.line);
  if (!request) return fail(finding_of(request.error()));
  request->on_token = [&row](TokenId id, std::span<const float> logits) {
    row.tokens.push_back(make_token_record(id, logits));
  };
  return std::optional(*std::move(request));
}

void ReceiptReplay::check_place(Row& row) {
  if (row.line.kind == ResultLine::Kind::kServer) return;  // each stands alone
  const Receipt& receipt = *row.line.receipt;
  num_rows_of_job_ = std::max(num_rows_of_job_, receipt.num_rows);
  if (files_.is_part || receipt.row == next_row_) return;
  row.findings.push_back(
      departs("row",
              "the receipt is that of row {}, but stands in row {}: rows are missing, added or in "
              "another order",
              receipt.row, next_row_));
}

Result<void> ReceiptReplay::check_against_input(Row& row) {
  if (!files_.input) return {};
  const int64_t wanted = row.line.receipt->row;
  if (wanted < input_row_) {
    row.findings.push_back(
        departs("input", "row {} was passed already: rows are not in the input's order", wanted));
    return {};
  }
  while (input_row_ < wanted) {
    ERNIE_TRY(const auto line, files_.input->next());
    if (!line) {
      row.findings.push_back(departs("input", "has no row {}", wanted));
      return {};
    }
    ++input_row_;
    input_line_ = line->text;
  }
  const Findings findings = check_input(row.line, input_line_, rules_, row.prompt);
  row.findings.insert(row.findings.end(), findings.begin(), findings.end());
  return {};
}

Findings ReceiptReplay::check_again(const Row& row, const GenerationResult& result) const {
  return check_answer(row.line, result, row.tokens, row.prompt ? &*row.prompt : nullptr,
                      rules_.tokenizer);
}

/// An answer that holds must depart when the least bit of one logit is another. Tried on the first
/// such line of the file, whichever was finished first.
void ReceiptReplay::try_canary(const Row& row, const GenerationResult& result) {
  const bool is_earlier = !run_.canary || row.line_number < run_.canary->line_number;
  if (!is_earlier || row.tokens.empty()) return;
  Row changed = row;
  const size_t token = row.tokens.size() / 2;
  changed.line.receipt->tokens[token].logit_bits ^= 1;
  const Findings found = check_again(changed, result);
  run_.canary = ReceiptCanary{row.line_number, static_cast<int64_t>(token),
                              found.empty() ? std::string() : found.front().text};
}

Result<void> ReceiptReplay::finished(int64_t row, Result<GenerationResult> result) {
  auto node = running_.extract(row);
  Row& done = node.mapped();
  if (!result) {
    done.findings.push_back({"", "cannot be computed again: " + result.error().message});
  } else {
    const Findings findings = check_again(done, *result);
    done.findings.insert(done.findings.end(), findings.begin(), findings.end());
    if (done.findings.empty()) try_canary(done, *result);
  }
  return put_verdict(row, done);
}

void ReceiptReplay::progressed(int64_t num_new_tokens) {
  progress_.add_tokens(num_new_tokens);
  progress_.update();
}

Result<void> ReceiptReplay::put_line(int64_t row, std::string line) {
  ++num_verdicts_;
  return output_ != nullptr ? output_->put(row, std::move(line)) : Result<void>();
}

Result<void> ReceiptReplay::put_verdict(int64_t row, const Row& done) {
  progress_.add_rows(1);
  ++run_.counts.num_lines;
  run_.counts.num_tokens += static_cast<int64_t>(done.tokens.size());
  const bool is_known = done.line.receipt.has_value() || done.line.has_answer;
  const std::string id = is_known ? shown_id(done.line.id) : "";
  const std::string name = fmt::format("line {}{}", done.line_number, is_known ? ", " + id : "");
  if (!done.findings.empty()) {
    add_departing(run_, {done.line_number, id, done.findings});
    return put_line(row, fmt::format("{}: departs: {}", name, joined(done.findings)));
  }
  if (!done.line.receipt) {
    ++run_.counts.num_without_answer;
    return put_line(row, name + ": an error, nothing to verify");
  }
  ++run_.counts.num_verified;
  return put_line(row, fmt::format("{}: verified, {} tokens", name, done.tokens.size()));
}

Result<void> ReceiptReplay::check_end() {
  const int64_t num_lines = run_.counts.num_lines;
  if (files_.is_part) return {};
  if (num_lines < num_rows_of_job_) {
    run_.of_file.push_back(
        fmt::format("the file ends after {} of {} rows", num_lines, num_rows_of_job_));
  } else if (files_.input) {
    while (input_row_ <= num_lines) {
      ERNIE_TRY(const auto line, files_.input->next());
      if (!line) break;
      ++input_row_;
    }
    if (input_row_ > num_lines) {
      run_.of_file.push_back(
          fmt::format("the input has more rows than the {} of this file", num_lines));
    }
  }
  return {};
}

}  // namespace ernie
