#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ernie {

/// Finds stop strings in streamed text, also across the borders of the pieces it comes in. Text
/// that could be the start of a stop string is held back until it is decided. The result does not
/// depend on how the text is cut into pieces. Time per byte grows with the number of stop strings
/// and not with their length. What is emitted ends at a character border if text and stop strings
/// are UTF-8.
class StopMatcher {
 public:
  /// Empty stop strings are left out: they would match everywhere. With include_stop the matched
  /// string itself is emitted, otherwise the text ends before it.
  StopMatcher(std::vector<std::string> stop_strings, bool include_stop);

  struct Output {
    std::string text;            ///< now certain
    std::optional<size_t> stop;  ///< index, as given, of the stop string that ended the text
  };
  /// The match that is complete first ends the text, so nothing more has to be generated to decide;
  /// of those that end together the one that began first. After a match nothing more comes out.
  Output push(std::string_view piece);
  /// The rest, when generation ended without a match.
  std::string finish();

 private:
  // A Knuth-Morris-Pratt automaton.
  struct Stop {
    std::string text;
    size_t index;                  // as given
    std::vector<size_t> fallback;  // by matched length: the next shorter beginning that is an end
    size_t num_matched = 0;        // the longest beginning of `text` that ends the stream
  };
  void advance(Stop& stop, char c) const;
  const Stop* longest_match() const;

  std::vector<Stop> stops_;
  bool include_stop_;
  bool ended_ = false;
};

}  // namespace ernie
