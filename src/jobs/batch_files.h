#pragma once

/// What batch jobs have in common, wherever their rows are computed: the files, and the way from
/// one to the other through a journal.

#include <boost/unordered/unordered_flat_set.hpp>
#include <functional>
#include <string>
#include <utility>

#include "api/batch_file.h"
#include "jobs/batch_input.h"
#include "jobs/batch_journal.h"

namespace ernie {

struct BatchFiles {
  std::string input, output;
  bool overwrite = false;  ///< an output of another job may be replaced
  bool restart = false;    ///< forget what an earlier run of the job left
};

/// Where the rows of a job that is not finished are.
std::string journal_path(const std::string& output);

/// The custom ids seen so far, 128 bits of each.
class CustomIds {
 public:
  /// Of rows in their order: a row whose id was there before gets a line_error.
  void check(BatchRow& row);

 private:
  boost::unordered_flat_set<std::pair<uint64_t, uint64_t>> seen_;
};

BatchRow::LineError too_long_error();
/// A line that LineReader found too long.
template <typename Line>
Line too_long_line() {
  Line line;
  line.line_error = too_long_error();
  return line;
}

/// Puts into the journal every row that it does not have, or returns why not.
using ComputeRows = std::function<Result<void>(BatchJournal& journal)>;

/// A job from its files as an earlier run left them to its output. `job` names the rows: see
/// batch_row_id(). Returns whether every row has a result; after an error the job can go on.
Result<bool> run_batch_files(const BatchFiles& files, const JobFingerprint& fingerprint,
                             const std::string& job, const InputSummary& input,
                             const ComputeRows& compute);

}  // namespace ernie
