#include "jobs/batch_files.h"

#include <spdlog/spdlog.h>

#include <filesystem>

#include "base/output_check.h"
#include "json/text.h"

namespace ernie {
namespace {

/// How `output` relates to the job: nothing if it is not there; else whether it is the job's
/// finished output, and if so whether it has failed rows.
struct FinishedOutput {
  bool is_of_job = false;
  bool has_failed_rows = false;
};
Result<std::optional<FinishedOutput>> inspect_output(const BatchFiles& files,
                                                     const std::string& job,
                                                     const InputSummary& summary) {
  std::error_code failed;
  if (!std::filesystem::exists(files.output, failed)) return std::optional<FinishedOutput>();
  ERNIE_TRY(LineReader input, LineReader::open(files.input, summary.num_bytes));
  ERNIE_TRY(LineReader output, LineReader::open(files.output));
  FinishedOutput finished;
  while (true) {
    ERNIE_TRY(const auto in, input.next());
    ERNIE_TRY(const auto out, output.next());
    finished.is_of_job = !in && !out;
    if (!in || !out) return std::optional(finished);
    const auto row = parse_batch_output(out->text);
    if (!row || row->id != batch_row_id(job, in->number).hex()) {
      return std::optional(finished);
    }
    finished.has_failed_rows = finished.has_failed_rows || row->failed;
  }
}

Result<void> check_paths(const BatchFiles& files) {
  ERNIE_TRY_VOID(check_outputs({files.input}, {files.output, journal_path(files.output)}));
  return check_replaceable(files.output);
}

void log_start(const BatchJournal& journal, const InputSummary& input) {
  if (journal.num_bytes_dropped() > 0) {
    spdlog::warn("journal: {} bytes of an unfinished record dropped", journal.num_bytes_dropped());
  }
  if (journal.num_finished() > 0) {
    spdlog::info("journal: going on after {} of {} rows", journal.num_finished(), input.num_rows());
  }
}

}  // namespace

std::string journal_path(const std::string& output) { return output + ".journal"; }

void CustomIds::check(BatchRow& row) {
  if (!row.custom_id) return;
  const BatchRowId id = batch_row_id(*row.custom_id, 0);
  if (seen_.insert({id.high, id.low}).second || row.line_error) return;
  row.line_error = {"duplicate_custom_id", fmt::format("custom_id: {} is there already",
                                                       brief(boost::json::value(*row.custom_id)))};
}

BatchRow::LineError too_long_error() {
  return {"line_too_long", fmt::format("expected at most {} bytes", kMaxLineBytes)};
}

Result<bool> run_batch_files(const BatchFiles& files, const JobFingerprint& fingerprint,
                             const std::string& job, const InputSummary& input,
                             const ComputeRows& compute) {
  ERNIE_TRY_VOID(check_paths(files));
  const auto existing =
      files.restart ? BatchJournal::Existing::kDiscard : BatchJournal::Existing::kContinue;
  ERNIE_TRY(BatchJournal journal, BatchJournal::open(journal_path(files.output), fingerprint,
                                                     input.num_rows(), existing));
  ERNIE_TRY(const auto finished, inspect_output(files, job, input));
  if (finished && finished->is_of_job && !files.restart) {
    spdlog::info("{}: finished already, nothing to do", files.output);
    ERNIE_TRY_VOID(journal.remove());
    return !finished->has_failed_rows;
  }
  if (finished && !finished->is_of_job && !files.overwrite) {
    if (journal.num_finished() == 0) ERNIE_TRY_VOID(journal.remove());
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: exists and is not the output of this job; --overwrite replaces it",
                      files.output);
  }
  log_start(journal, input);
  ERNIE_TRY_VOID(compute(journal));
  ERNIE_TRY_VOID(journal.write_output(files.output));
  ERNIE_TRY_VOID(journal.remove());
  spdlog::info("{}: {} rows, {} of them errors", files.output, input.num_rows(),
               journal.num_failed());
  return journal.num_failed() == 0;
}

}  // namespace ernie
