#pragma once

/// The canonical bytes that digests are taken of: integers and floats in little-endian order, texts
/// behind their length. docs/receipts.md owns the format.

#include <bit>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ernie {

class ByteWriter {
 public:
  template <std::integral Int>
  ByteWriter& add(Int value) {
    for (size_t i = 0; i < sizeof value; ++i) {
      bytes_ += static_cast<char>(static_cast<uint64_t>(value) >> 8 * i & 0xFFu);
    }
    return *this;
  }
  /// Minus zero counts as zero: no text keeps it apart, and no result depends on it.
  ByteWriter& add(float value) { return add(std::bit_cast<uint32_t>(value + 0.0f)); }
  ByteWriter& add(std::span<const std::byte> bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return *this;
  }
  /// The length in 4 bytes, then the text.
  ByteWriter& add_text(std::string_view text) {
    add(static_cast<uint32_t>(text.size()));
    bytes_ += text;
    return *this;
  }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace ernie
