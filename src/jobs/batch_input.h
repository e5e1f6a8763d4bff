#pragma once

/// The input of a batch job, which is read several times and must be the same each time.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "jobs/line_reader.h"

namespace ernie {

/// Rows of a job: what is kept of each takes 24 bytes here and in the journal's index.
inline constexpr int64_t kMaxBatchRows = int64_t{1} << 24;

/// What is known of an input file before it is worked on.
struct InputSummary {
  uint64_t num_bytes = 0;
  uint64_t checksum = 0;                ///< CRC-64 of all bytes
  std::vector<uint64_t> row_checksums;  ///< LineReader's, of the lines that are not blank

  int64_t num_rows() const { return static_cast<int64_t>(row_checksums.size()); }
};

/// One pass over a regular file. Error: it is none, or has more than kMaxBatchRows rows.
Result<InputSummary> summarize_input(const std::string& path);

/// The lines of a file that was summarized, each as it was then.
class BatchInput {
 public:
  /// `summary` must live as long.
  static Result<BatchInput> open(const std::string& path, const InputSummary& summary);

  /// The next row; nothing behind the last. Error: the file is not what was summarized.
  Result<std::optional<LineReader::Line>> next();

 private:
  BatchInput(std::string path, LineReader reader, const InputSummary& summary)
      : path_(std::move(path)), reader_(std::move(reader)), summary_(summary) {}

  std::string path_;
  LineReader reader_;
  const InputSummary& summary_;
  int64_t next_row_ = 0;
};

}  // namespace ernie
