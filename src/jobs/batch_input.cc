#include "jobs/batch_input.h"

#include <boost/crc.hpp>

#include "base/file_handle.h"

namespace ernie {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 18;

Error changed(const std::string& path, const std::string& what) {
  return make_error(ErrorCode::kInvalidArgument,
                    "{}: changed while the job ran: {}; answers to what it held before are kept, "
                    "none are given to what it holds now",
                    path, what);
}

}  // namespace

Result<InputSummary> summarize_input(const std::string& path) {
  ERNIE_TRY(const FileHandle file, FileHandle::open_regular(path));
  InputSummary summary;
  boost::crc_optimal<64, 0x42F0E1EBA9EA3693, ~uint64_t{0}, ~uint64_t{0}, false, false> checksum;
  LineChecksum line;
  std::string chunk(kChunkBytes, '\0');
  const auto end_line = [&] {
    if (!line.is_blank()) summary.row_checksums.push_back(line.value());
    line = LineChecksum();
  };
  while (true) {
    ERNIE_TRY(const size_t count, file.read_some(chunk));
    if (count == 0) break;
    checksum.process_bytes(chunk.data(), count);
    summary.num_bytes += count;
    for (const char c : std::string_view(chunk).substr(0, count)) {
      if (c == '\n') {
        end_line();
      } else {
        line.add(c);
      }
    }
    if (summary.num_rows() > kMaxBatchRows) {
      return make_error(ErrorCode::kInvalidArgument,
                        "{}: got more than {} rows, expected at most so many in one job", path,
                        kMaxBatchRows);
    }
  }
  end_line();
  summary.checksum = checksum.checksum();
  return summary;
}

Result<BatchInput> BatchInput::open(const std::string& path, const InputSummary& summary) {
  ERNIE_TRY(LineReader reader, LineReader::open(path, summary.num_bytes));
  return BatchInput(path, std::move(reader), summary);
}

Result<std::optional<LineReader::Line>> BatchInput::next() {
  ERNIE_TRY(std::optional<LineReader::Line> line, reader_.next());
  const auto row = static_cast<size_t>(next_row_);
  if (!line && next_row_ != summary_.num_rows()) {
    return changed(path_, fmt::format("got its end behind {} rows, expected {}", next_row_,
                                      summary_.num_rows()));
  }
  if (!line) return line;
  if (next_row_ >= summary_.num_rows() || line->checksum != summary_.row_checksums[row]) {
    return changed(path_, fmt::format("line {} has another content", line->number));
  }
  ++next_row_;
  return line;
}

}  // namespace ernie
