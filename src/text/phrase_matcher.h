#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ernie {

/// Finds which of a set of phrases a text begins with. Immutable after construction.
class PhraseMatcher {
 public:
  struct Phrase {
    std::string text;  ///< not empty
    int32_t id = 0;
  };

  PhraseMatcher() = default;
  /// Texts differ from each other.
  explicit PhraseMatcher(std::vector<Phrase> phrases);

  /// The longest phrase at the beginning of `text`, or null. Time grows with the length that
  /// matches, not with the text.
  const Phrase* longest_prefix(std::string_view text) const;
  /// The phrase that is `text`, or null.
  const Phrase* find(std::string_view text) const;

 private:
  std::vector<Phrase> phrases_;          // sorted by text
  std::array<bool, 256> begins_with_{};  // whether any phrase has this first byte
};

}  // namespace ernie
