#pragma once

/// Tools of a chat request, and which of them an answer may or must call.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "json/fields.h"

namespace ernie {

struct Tool {
  std::string name;
  boost::json::value parameters;  ///< a JSON schema; any object if the request has none
  std::string text;               ///< the whole of it as JSON, for the chat template
};

struct ToolChoice {
  enum class Kind { kNone, kAuto, kRequired, kNamed };
  Kind kind = Kind::kNone;
  std::string name;  ///< with kNamed
  bool is_forced() const { return kind == Kind::kRequired || kind == Kind::kNamed; }
};

struct ToolRequest {
  std::vector<Tool> tools;
  ToolChoice choice;     ///< kAuto by default if there are tools
  bool parallel = true;  ///< whether an answer may hold more than one call
};

/// Reads `tools`, `tool_choice` and `parallel_tool_calls`.
void read_tools(JsonFields& fields, ToolRequest& request);

/// Checks that the choice fits the tools. Error: of `tool_choice`.
Result<void> check_tool_choice(const ToolRequest& request);

}  // namespace ernie
