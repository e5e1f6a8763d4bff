#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ernie {

/// What stands at the beginning of a text.
struct Utf8Unit {
  enum class Kind : uint8_t {
    kCharacter,   ///< a well-formed character of `size` bytes
    kInvalid,     ///< `size` bytes (1 to 3) that no continuation can make well-formed
    kIncomplete,  ///< the text ends within a character; all that is left, 1 to 3 bytes
  };
  Kind kind;
  uint8_t size;
  char32_t code_point;  ///< of a character, otherwise 0
};

/// `text` must not be empty. Well-formed is what Unicode's table 3-7 says: no overlong forms, no
/// surrogates, nothing above U+10FFFF. An invalid unit is a maximal subpart: the longest beginning
/// of a well-formed sequence, or one byte if there is none.
Utf8Unit first_utf8_unit(std::string_view text);

bool is_utf8(std::string_view text);

/// Appends `bytes` to `out` with one U+FFFD for each invalid unit. An incomplete end is left out;
/// returns its length.
size_t append_as_utf8(std::string_view bytes, std::string& out);

/// For one-line messages about text from a file: in quotes, control characters and what is not
/// UTF-8 as \xNN, at most 64 bytes of it.
std::string in_quotes(std::string_view text);

/// For a terminal, which must not obey what others write: control characters but those of `kept`,
/// and bytes that are not UTF-8, as \xNN.
std::string visible_text(std::string_view text, std::string_view kept = "");

/// U+FFFD.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

}  // namespace ernie
