#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ernie {

/// A SHA-256 value (FIPS 180-4).
using Digest = std::array<std::byte, 32>;

/// A digest that is fed piece by piece; how the bytes are cut does not matter. Uses the processor's
/// SHA instructions where it has them. Not thread-safe; any number may be used at once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
  /// Of all bytes so far; then it begins anew.
  Digest finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Digest sha256(std::span<const std::byte> bytes);

/// Lower-case digits, two a byte, the first byte first.
std::string to_hex(std::span<const std::byte> bytes);
/// Reads them into `out`; false if the text is not exactly that long or not hexadecimal.
bool from_hex(std::string_view text, std::span<std::byte> out);

}  // namespace ernie
