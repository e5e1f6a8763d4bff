#include "text/tool_text.h"

#include <boost/json.hpp>

#include "json/parse.h"
#include "json/text.h"
#include "text/python_json.h"

namespace ernie {
namespace {

namespace json = boost::json;

Result<json::object> parse_tool(const std::string& text, const std::string& where) {
  auto value = parse_json(text);
  if (!value) {
    return field_error(ErrorCode::kInvalidArgument, where, "{}", value.error().message);
  }
  if (!value->is_object()) {
    return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected a JSON object",
                       brief(*value));
  }
  return std::move(value->get_object());
}

}  // namespace

Result<std::string> tool_list(const std::vector<std::string>& tools) {
  std::string list = "[";
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string where = fmt::format("tools[{}]", i);
    ERNIE_TRY(const json::object tool, parse_tool(tools[i], where));
    const json::value* function = tool.if_contains("function");
    if (function == nullptr || !function->is_object()) {
      return field_error(ErrorCode::kInvalidArgument, where + ".function",
                         "got {}, expected an object",
                         function == nullptr ? "nothing" : "another JSON value");
    }
    list += i == 0 ? "" : ",";
    list += fmt::format("{{\"type\": \"function\", \"function\": {}}}", python_json(*function));
  }
  return list + "]";
}

Result<std::string> tool_call(const std::string& text, const std::string& where) {
  ERNIE_TRY(const json::object call, parse_tool(text, where));
  const json::value* name = call.if_contains("name");
  const json::value* arguments = call.if_contains("arguments");
  if (name == nullptr || !name->is_string() || arguments == nullptr) {
    return field_error(ErrorCode::kInvalidArgument, where,
                       "got no name or no arguments, expected both");
  }
  const json::string* verbatim = arguments->if_string();
  return fmt::format(
      "{{\"name\": \"{}\", \"arguments\": {}}}",
      std::string_view(name->get_string().data(), name->get_string().size()),
      verbatim ? std::string(verbatim->data(), verbatim->size()) : python_json(*arguments));
}

std::string tool_output(std::string_view text) {
  return "<tool_output>" + python_json(json::string(text.data(), text.size())) + "</tool_output>";
}

}  // namespace ernie
