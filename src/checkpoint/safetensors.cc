#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/problems.h"

namespace ernie {
namespace {

constexpr size_t kLengthBytes = 8;

Result<uint64_t> read_header_length(const ByteSource& source) {
  const auto bytes = source.bytes();
  if (bytes.size() < kLengthBytes) {
    return make_error(ErrorCode::kCorruptData, "{}: got {} bytes, expected at least {}",
                      source.name(), bytes.size(), kLengthBytes);
  }
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;)
    length = length << 8 | std::to_integer<uint64_t>(bytes[i]);
  const uint64_t max = std::min<uint64_t>(kMaxSafetensorsHeaderBytes, bytes.size() - kLengthBytes);
  if (length > max) {
    return make_error(ErrorCode::kCorruptData, "{}: header length: got {}, expected at most {}",
                      source.name(), length, max);
  }
  return length;
}

/// Entries sorted by offset must follow one another without a gap and fill the file.
Result<void> check_layout(std::span<const SafetensorsEntry> entries, uint64_t data_bytes,
                          const std::string& file) {
  uint64_t expected = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != expected) {
      return make_error(ErrorCode::kCorruptData,
                        "{}: tensor \"{}\": data_offsets: got begin {}, expected {} ({})", file,
                        printable(entry.name), entry.begin, expected,
                        entry.begin < expected ? "it overlaps another" : "there is a hole");
    }
    if (entry.end > data_bytes) {
      return make_error(ErrorCode::kCorruptData,
                        "{}: tensor \"{}\": data_offsets: got end {}, expected at most {}, where "
                        "the file ends",
                        file, printable(entry.name), entry.end, data_bytes);
    }
    expected = entry.end;
  }
  if (expected != data_bytes) {
    return make_error(ErrorCode::kCorruptData,
                      "{}: got {} bytes after the header, expected {} for its tensors", file,
                      data_bytes, expected);
  }
  return {};
}

bool lies_before(const SafetensorsEntry& a, const SafetensorsEntry& b) {
  return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::open(ByteSource source) {
  ERNIE_TRY(const uint64_t header_bytes, read_header_length(source));
  SafetensorsFile file;
  file.source_ = std::move(source);
  file.data_begin_ = kLengthBytes + header_bytes;
  ERNIE_TRY(file.entries_,
            parse_safetensors_header(file.source_.text().substr(kLengthBytes, header_bytes),
                                     file.name()));
  std::stable_sort(file.entries_.begin(), file.entries_.end(), lies_before);
  ERNIE_TRY_VOID(check_layout(file.entries_, file.num_bytes() - file.data_begin_, file.name()));
  file.index_.reserve(file.entries_.size());
  for (size_t i = 0; i < file.entries_.size(); ++i) {
    if (!file.index_.emplace(file.entries_[i].name, i).second) {
      return make_error(ErrorCode::kCorruptData,
                        "{}: tensor \"{}\": got the name twice, expected it once", file.name(),
                        printable(file.entries_[i].name));
    }
  }
  return file;
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::span<const std::byte> SafetensorsFile::bytes(const SafetensorsEntry& entry) const {
  return source_.bytes().subspan(data_begin_ + entry.begin, entry.num_bytes());
}

std::optional<FileOrigin> SafetensorsFile::origin_of(const std::byte* data) const {
  if (source_.file() == nullptr) return std::nullopt;
  return FileOrigin{source_.file(), static_cast<uint64_t>(data - source_.bytes().data())};
}

HostTensor SafetensorsFile::tensor(const SafetensorsEntry& entry) const {
  const auto source = bytes(entry);
  if (reinterpret_cast<uintptr_t>(source.data()) % dtype_bytes(entry.dtype) == 0) {
    return {entry.dtype, entry.shape, source.data(), owner()};
  }
  HostTensor copy = HostTensor::allocate(entry.dtype, entry.shape);
  std::memcpy(const_cast<std::byte*>(copy.data()), source.data(), source.size());
  return copy;
}

}  // namespace ernie
