#pragma once

#include <cstdint>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace ernie {

/// Walks over the fields of one protobuf message, trusting nothing: no recursion, no allocation,
/// varints of at most 10 bytes, lengths within the message, no groups. Nested messages are read by
/// a reader of their own over a field's bytes. The source must outlive the reader.
class ProtobufReader {
 public:
  enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    uint32_t number = 0;
    WireType type = WireType::kVarint;
    uint64_t value = 0;      ///< of a varint or fixed field
    std::string_view bytes;  ///< of a length-delimited field
  };

  /// `message` is the whole source or a part of it; errors name the place in the source.
  ProtobufReader(const ByteSource& source, std::string_view message)
      : source_(&source), rest_(message) {}

  bool at_end() const { return rest_.empty(); }
  /// The next field; only when not at the end.
  Result<Field> next();

 private:
  Result<uint64_t> read_varint();
  Result<uint64_t> read_fixed(size_t num_bytes);
  size_t offset() const { return static_cast<size_t>(rest_.data() - source_->text().data()); }

  const ByteSource* source_;
  std::string_view rest_;
};

}  // namespace ernie
