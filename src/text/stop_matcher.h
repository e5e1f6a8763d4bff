#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ernie {

/// Finds stop strings in streamed text, also across the borders of the pieces it comes in. Text
/// that could be the start of a stop string is held back until it is decided.
class StopMatcher {
 public:
  /// Empty stop strings are left out: they would match everywhere. With include_stop the matched
  /// string itself is emitted, otherwise the text ends before it.
  StopMatcher(std::vector<std::string> stop_strings, bool include_stop);

  struct Output {
    std::string text;            ///< now certain
    std::optional<size_t> stop;  ///< index of the stop string that ended the text
  };
  /// Of several matches the one that begins first ends the text; of those the longest.
  Output push(std::string_view piece);
  /// The rest, when generation ended without a match.
  std::string finish();

 private:
  std::vector<std::string> stop_strings_;
  bool include_stop_;
  std::string held_;
};

}  // namespace ernie
