#pragma once

/// Reading one safetensors file. It is taken as hostile: nothing is believed before it is checked.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/host_matrix.h"
#include "checkpoint/safetensors_header.h"

namespace ernie {

/// Immutable after opening, so safe for several threads.
class SafetensorsFile {
 public:
  /// Checks the whole header: tensors lie without holes or overlaps from the header's end to the
  /// file's end, and each name occurs once. Reads no tensor. One message names file, tensor, got
  /// and expected. The file must not be shortened while anybody holds a tensor of it.
  static Result<SafetensorsFile> open(ByteSource source);

  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::string& name() const { return source_.name(); }
  uint64_t num_bytes() const { return source_.bytes().size(); }
  /// In the order of their bytes.
  std::span<const SafetensorsEntry> entries() const { return entries_; }
  /// Null if there is no such tensor.
  const SafetensorsEntry* find(std::string_view name) const;
  /// The tensor's bytes, with no promise about their alignment.
  std::span<const std::byte> bytes(const SafetensorsEntry& entry) const;
  /// Shares the file's memory, or is a copy where a value would not lie at a multiple of its size.
  HostTensor tensor(const SafetensorsEntry& entry) const;
  /// Where bytes of this file that are at `data` lie on disk; nothing if it is not a file.
  std::optional<FileOrigin> origin_of(const std::byte* data) const;
  /// Keeps the bytes alive.
  const std::shared_ptr<const void>& owner() const { return source_.owner(); }

 private:
  SafetensorsFile() = default;

  ByteSource source_;
  size_t data_begin_ = 0;
  std::vector<SafetensorsEntry> entries_;
  std::unordered_map<std::string_view, size_t> index_;  // views of the names in entries_
};

}  // namespace ernie
