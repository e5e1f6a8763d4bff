#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/file_handle.h"
#include "base/result.h"

namespace ernie {

inline constexpr size_t kMaxLineBytes = size_t{16} << 20;

/// Of a line's bytes, fed one after the other: FNV-1a with 64 bits. Tells accidents, not attacks.
class LineChecksum {
 public:
  void add(char c) {
    value_ = (value_ ^ static_cast<uint8_t>(c)) * 0x100000001B3;
    is_blank_ = is_blank_ && (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v');
  }
  uint64_t value() const { return value_; }
  bool is_blank() const { return is_blank_; }

 private:
  uint64_t value_ = 0xCBF29CE484222325;
  bool is_blank_ = true;
};

/// A file line by line, in memory bounded by the longest allowed line.
class LineReader {
 public:
  /// `path`: a file, or "-" for standard input. Reads at most `max_bytes` of it, so that a file
  /// that grows meanwhile looks as it did before.
  static Result<LineReader> open(const std::string& path, uint64_t max_bytes = UINT64_MAX,
                                 size_t max_line_bytes = kMaxLineBytes);

  struct Line {
    std::string text;       ///< without "\n" or "\r\n"; empty if too long
    int64_t number = 0;     ///< from 1, blank lines counted
    bool too_long = false;  ///< more than max_line_bytes
    uint64_t checksum = 0;  ///< LineChecksum of all bytes before "\n"
  };
  /// The next line that is not blank; nothing at the end.
  Result<std::optional<Line>> next();

  /// Bytes read so far that belong to lines already returned or skipped.
  uint64_t offset() const { return offset_; }

 private:
  LineReader(FileHandle file, uint64_t max_bytes, size_t max_line_bytes)
      : file_(std::move(file)), left_(max_bytes), max_line_bytes_(max_line_bytes) {}
  Result<bool> fill();
  Result<bool> read_line(Line& line);

  FileHandle file_;
  uint64_t left_;
  size_t max_line_bytes_;
  std::string buffer_;
  size_t begin_ = 0;      // of what is unread in the buffer
  bool is_blank_ = true;  // the line that was read last
  int64_t number_ = 0;
  uint64_t offset_ = 0;
};

}  // namespace ernie
