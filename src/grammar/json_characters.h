#pragma once

#include <cstdint>

#include "grammar/automaton.h"

namespace ernie {

/// Bytes to characters, as UTF-8, and within the quotes of a JSON string also from escapes. The
/// state of a character that has begun is one number, 0 if none has.
struct CharacterReader {
  enum class Event : uint8_t { kRefused, kPending, kCharacter, kQuote };
  struct Step {
    Event event;
    uint32_t state = 0;
    char32_t code_point = 0;
  };
  static Step read_utf8(uint32_t state, uint8_t byte);
  /// The characters that JSON requires to be escaped are refused as they are; so are escapes that
  /// stand for half a surrogate pair, and \u for printable ASCII: keys and
  /// constants would have thousands of forms.
  static Step read_json(uint32_t state, uint8_t byte);
  /// The characters that may come of what has begun.
  struct Possible {
    CodePointSet::Range ranges[5];
    size_t size = 0;
  };
  static Possible possible(uint32_t state);
  /// Whether a character that the automaton can take from its state may come of what has begun.
  static bool can_finish(uint32_t state, const Dfa& dfa, uint32_t dfa_state);
};

}  // namespace ernie
