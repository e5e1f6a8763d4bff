#pragma once

/// Tools, calls of them and their output as the published Thinking template writes them.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ernie {

/// A JSON list of `tools`, each a JSON object with a "function". Error: names the tool by its
/// index.
Result<std::string> tool_list(const std::vector<std::string>& tools);

/// {"name": …, "arguments": …}. `text`: that as JSON; arguments that are a string stand as they
/// are. `where` stands before the error.
Result<std::string> tool_call(const std::string& text, const std::string& where);

/// What a tool gave, as a JSON string between its tags.
std::string tool_output(std::string_view text);

}  // namespace ernie
