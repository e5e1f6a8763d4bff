#pragma once

/// Text in columns of a terminal. A Chinese character takes two.

#include <string>
#include <string_view>
#include <vector>

namespace ernie::report {

/// Columns that a terminal gives a text without control characters: 2 for East Asian wide and
/// full-width characters and emoji, 0 for combining marks and joiners, else 1.
int display_width(std::string_view text);

/// Well-formed UTF-8 on one line: control characters become spaces, what is not UTF-8 becomes
/// U+FFFD. Everything that is shown anywhere passes through here first.
std::string clean_text(std::string_view text);

enum class Align { kLeft, kRight };

/// Spaces added up to `width` columns; longer text stays as it is.
std::string padded(std::string_view text, int width, Align align);

/// Lines of at most `width` columns, broken at spaces, between wide characters, or, if there is no
/// such place, anywhere. At least one line; `width` at least 2.
std::vector<std::string> wrapped(std::string_view text, int width);

/// `count` times `part`.
std::string repeated(std::string_view part, int count);

}  // namespace ernie::report
