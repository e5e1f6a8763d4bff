#pragma once

/// Reading whole files, and read-only memory mappings.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/open_file.h"
#include "base/result.h"

namespace ernie {

/// Read-only bytes with shared ownership: a mapped file, or memory that lives as long as the
/// program.
class ByteSource {
 public:
  /// Maps a regular file. An empty file gives an empty source.
  static Result<ByteSource> map_file(const std::string& path);
  /// `bytes` must outlive every copy, as embedded data does.
  static ByteSource from_static(std::string name, std::span<const std::byte> bytes);

  /// For messages: the path, or a name in angle brackets.
  const std::string& name() const { return name_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  const std::shared_ptr<const void>& owner() const { return owner_; }
  /// The file that is mapped, its byte 0 being the first of `bytes`; null for other memory.
  const std::shared_ptr<const OpenFile>& file() const { return file_; }

 private:
  std::string name_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const OpenFile> file_;
};

/// The file's contents; an error if it has more than `max_bytes`.
Result<std::string> read_text_file(const std::string& path, uint64_t max_bytes);

}  // namespace ernie
