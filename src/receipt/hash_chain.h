#pragma once

#include <string_view>

#include "receipt/sha256.h"

namespace ernie {

/// Named items, each bound to all before it:
/// link = SHA-256(link before ‖ name's length, 4 bytes ‖ name ‖ payload's length, 8 bytes ‖
/// payload), lengths little-endian; the link before the first item is SHA-256(`genesis`).
class HashChain {
 public:
  explicit HashChain(std::string_view genesis);
  void add(std::string_view name, std::string_view payload);
  /// After the items so far.
  const Digest& link() const { return link_; }

 private:
  Sha256 sha_;
  Digest link_;
};

}  // namespace ernie
