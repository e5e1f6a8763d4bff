#pragma once

/// The finished rows of a batch job on disk, so that a job that was killed can go on.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_handle.h"
#include "base/result.h"

namespace ernie {

/// What determines every row of a job's output. A journal is continued only by a job that agrees in
/// all of it. Each is one line of text.
struct JobFingerprint {
  std::string input;          ///< size and checksum of the input file
  std::string model;          ///< weights and numerics
  int64_t max_model_len = 0;  ///< tokens of prompt and output together
  std::string flags;          ///< further ones that rows depend on

  /// The flags with max_model_len before them.
  std::string settings() const;
};

/// An append-only file beside the output: a header line with the fingerprint, then one record per
/// finished row in the order of finishing, each with its checksum and written at once.
///
/// Durability: a record outlives the process as soon as `append` returns, and the machine after the
/// next sync, which follows within a second and 256 rows of work. A torn or lost tail is cut off on
/// opening; its rows are computed again, to the same bytes.
///
/// Holds an exclusive lock while open. Memory: 16 bytes per row. One thread uses it at a time.
class BatchJournal {
 public:
  enum class Existing { kContinue, kDiscard };
  /// Opens or creates `path`. Error: another process holds it; it belongs to another job, or is no
  /// journal, and may not be discarded.
  static Result<BatchJournal> open(const std::string& path, const JobFingerprint& job,
                                   int64_t num_rows, Existing existing);

  /// The context length of the job whose journal is at `path`; nothing if there is no whole header
  /// of one.
  static std::optional<int64_t> max_model_len(const std::string& path);

  bool has(int64_t row) const { return index_[static_cast<size_t>(row)].num_bytes >= 0; }
  int64_t num_rows() const { return static_cast<int64_t>(index_.size()); }
  int64_t num_finished() const { return num_finished_; }
  int64_t num_failed() const { return num_failed_; }
  /// Bytes of a broken tail that opening cut off.
  uint64_t num_bytes_dropped() const { return num_bytes_dropped_; }

  /// Adds a row that is not there yet. `line` has no newline in it.
  Result<void> append(int64_t row, bool failed, std::string_view line);
  Result<void> sync();

  /// Writes all rows in order to `output`, so that a crash leaves there what was there before or
  /// all of it. Every row must be there.
  Result<void> write_output(const std::string& output);
  /// Removes the file. The lock stays until destruction.
  Result<void> remove();

 private:
  struct Place {
    int64_t offset = 0;
    int64_t num_bytes = -1;  // of the line; -1: not there
  };

  BatchJournal(FileHandle file, int64_t num_rows)
      : file_(std::move(file)), index_(static_cast<size_t>(num_rows)) {}
  Result<void> load(const JobFingerprint& job, Existing existing);
  Result<void> start(const std::string& header);
  uint64_t read_records(std::string_view text, uint64_t offset);
  void note(int64_t row, bool failed, Place place);

  FileHandle file_;
  std::vector<Place> index_;
  uint64_t end_ = 0;
  int64_t num_finished_ = 0, num_failed_ = 0;
  uint64_t num_bytes_dropped_ = 0;
  int64_t num_unsynced_ = 0;
  std::chrono::steady_clock::time_point last_sync_;
};

}  // namespace ernie
