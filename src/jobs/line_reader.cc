#include "jobs/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace ernie {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 18;

}  // namespace

Result<LineReader> LineReader::open(const std::string& path, uint64_t max_bytes,
                                    size_t max_line_bytes) {
  if (path == "-") {
    return LineReader(FileHandle(::dup(STDIN_FILENO), "<stdin>"), max_bytes, max_line_bytes);
  }
  ERNIE_TRY(FileHandle file, FileHandle::open(path, O_RDONLY));
  return LineReader(std::move(file), max_bytes, max_line_bytes);
}

Result<std::optional<LineReader::Line>> LineReader::next() {
  while (true) {
    Line line;
    ERNIE_TRY(const bool found, read_line(line));
    if (!found) return std::optional<Line>();
    if (!is_blank_) return std::optional<Line>(std::move(line));
  }
}

/// False at the end of the file.
Result<bool> LineReader::fill() {
  buffer_.resize(kChunkBytes);
  begin_ = 0;
  auto count = file_.read_some(
      std::span(buffer_).first(static_cast<size_t>(std::min<uint64_t>(left_, kChunkBytes))));
  buffer_.resize(count ? *count : 0);
  if (!count) return std::move(count).error();
  left_ -= *count;
  return *count > 0;
}

Result<bool> LineReader::read_line(Line& line) {
  line.number = ++number_;
  LineChecksum checksum;
  bool any = false;
  while (true) {
    if (begin_ == buffer_.size()) {
      ERNIE_TRY(const bool more, fill());
      if (!more) break;
    }
    any = true;
    const size_t newline = buffer_.find('\n', begin_);
    const size_t end = std::min(newline, buffer_.size());
    if (line.text.size() + (end - begin_) > max_line_bytes_) line.too_long = true;
    if (!line.too_long) line.text.append(buffer_, begin_, end - begin_);
    for (size_t i = begin_; i < end; ++i) checksum.add(buffer_[i]);
    const bool is_end = newline != std::string::npos;
    offset_ += end - begin_ + (is_end ? 1 : 0);
    begin_ = end + (is_end ? 1 : 0);
    if (is_end) break;
  }
  line.checksum = checksum.value();
  is_blank_ = checksum.is_blank();
  if (line.too_long) line.text.clear();
  if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
  return any;
}

}  // namespace ernie
