#pragma once

#include <optional>
#include <string_view>

namespace ernie {

/// The regular expression of a "format" that is checked; none for one that is only an annotation.
std::optional<std::string_view> format_pattern(std::string_view format);

}  // namespace ernie
