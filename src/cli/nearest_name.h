#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ernie {

/// The one of `names` that `word` was probably meant to be, or nothing: it begins with the word, as
/// no other does, or differs from it by a slip for every four letters. Leading dashes do not count.
std::string nearest_name(std::string_view word, std::span<const std::string> names);

/// "; did you mean --prompt?", or nothing.
std::string suggestion(std::string_view word, std::span<const std::string> names);

}  // namespace ernie
