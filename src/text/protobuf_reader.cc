#include "text/protobuf_reader.h"

namespace ernie {

Result<uint64_t> ProtobufReader::read_varint() {
  constexpr size_t kMaxVarintBytes = 10;
  uint64_t value = 0;
  for (size_t i = 0; i < kMaxVarintBytes; ++i) {
    if (i == rest_.size()) {
      return make_error(ErrorCode::kCorruptData, "{}: byte {}: the message ends within a number",
                        source_->name(), offset());
    }
    const auto byte = static_cast<uint8_t>(rest_[i]);
    value |= static_cast<uint64_t>(byte & 0x7Fu) << (7 * i);
    if (byte < 0x80) {
      rest_.remove_prefix(i + 1);
      return value;
    }
  }
  return make_error(ErrorCode::kCorruptData,
                    "{}: byte {}: got a number of more than 10 bytes, expected at most 10",
                    source_->name(), offset());
}

Result<uint64_t> ProtobufReader::read_fixed(size_t num_bytes) {
  if (rest_.size() < num_bytes) {
    return make_error(ErrorCode::kCorruptData, "{}: byte {}: got {} bytes, expected {}",
                      source_->name(), offset(), rest_.size(), num_bytes);
  }
  uint64_t value = 0;
  for (size_t i = 0; i < num_bytes; ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(rest_[i])) << (8 * i);
  }
  rest_.remove_prefix(num_bytes);
  return value;
}

Result<ProtobufReader::Field> ProtobufReader::next() {
  const size_t begin = offset();
  ERNIE_TRY(const uint64_t tag, read_varint());
  Field field;
  field.number = static_cast<uint32_t>(tag >> 3);
  if (field.number == 0 || tag >> 32 != 0) {
    return make_error(ErrorCode::kCorruptData,
                      "{}: byte {}: got field number {}, expected 1 to 536870911", source_->name(),
                      begin, tag >> 3);
  }
  field.type = static_cast<WireType>(tag & 7);
  switch (field.type) {
    case WireType::kVarint: {
      ERNIE_TRY(field.value, read_varint());
      return field;
    }
    case WireType::kFixed64: {
      ERNIE_TRY(field.value, read_fixed(8));
      return field;
    }
    case WireType::kFixed32: {
      ERNIE_TRY(field.value, read_fixed(4));
      return field;
    }
    case WireType::kBytes: {
      ERNIE_TRY(const uint64_t size, read_varint());
      if (size > rest_.size()) {
        return make_error(ErrorCode::kCorruptData,
                          "{}: byte {}: got a field of {} bytes, expected at most the {} left",
                          source_->name(), begin, size, rest_.size());
      }
      field.bytes = rest_.substr(0, size);
      rest_.remove_prefix(size);
      return field;
    }
  }
  return make_error(ErrorCode::kCorruptData, "{}: byte {}: got wire type {}, expected 0, 1, 2 or 5",
                    source_->name(), begin, tag & 7);
}

}  // namespace ernie
