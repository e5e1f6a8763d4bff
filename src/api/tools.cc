#include "api/tools.h"

#include <algorithm>

#include "base/utf8.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr size_t kMaxTools = 128, kMaxNameBytes = 64;

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

Result<Tool> parse_tool(const json::value& value, size_t index) {
  const std::string where = fmt::format("tools[{}]", index);
  const json::object* object = value.if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type == nullptr || *type != "function") {
    return field_error(ErrorCode::kInvalidArgument, where,
                       R"(got {}, expected an object of "type": "function")", brief(value));
  }
  const json::value* function = object->if_contains("function");
  if (function == nullptr || !function->is_object()) {
    return field_error(ErrorCode::kInvalidArgument, where + ".function",
                       "got {}, expected an object",
                       function == nullptr ? "nothing" : brief(*function));
  }
  Tool tool;
  tool.text = json_text(value);
  JsonFields fields(function->get_object(), where + ".function.");
  fields.read("name", tool.name);
  if (!is_tool_name(tool.name)) {
    fields.fail("name", fmt::format("got {}, expected 1 to {} letters, digits, '_', '-' or '.'",
                                    in_quotes(tool.name), kMaxNameBytes));
  }
  std::string description;
  fields.read("description", description);
  const json::value* parameters = fields.find("parameters");
  if (parameters != nullptr && !parameters->is_object()) {
    fields.fail_type("parameters", *parameters, "a JSON schema");
  }
  ERNIE_TRY_VOID(fields.finish_ignoring_others());
  tool.parameters =
      parameters != nullptr ? *parameters : json::value(json::object{{"type", "object"}});
  return tool;
}

void read_tool_choice(JsonFields& fields, ToolChoice& choice) {
  const json::value* value = fields.find("tool_choice");
  if (value == nullptr) return;
  const char* expected =
      R"("none", "auto", "required" or {"type": "function", "function": {"name": …}})";
  if (value->is_string()) {
    const json::string& word = value->get_string();
    if (word == "none") {
      choice.kind = ToolChoice::Kind::kNone;
    } else if (word == "auto") {
      choice.kind = ToolChoice::Kind::kAuto;
    } else if (word == "required") {
      choice.kind = ToolChoice::Kind::kRequired;
    } else {
      fields.fail_type("tool_choice", *value, expected);
    }
    return;
  }
  const json::object* object = value->if_object();
  const json::value* function = object == nullptr ? nullptr : object->if_contains("function");
  // The Responses API has the name beside the type.
  const json::object* holder = function == nullptr ? object : function->if_object();
  const json::value* name = holder == nullptr ? nullptr : holder->if_contains("name");
  if (name == nullptr || !name->is_string()) {
    return fields.fail_type("tool_choice", *value, expected);
  }
  choice.kind = ToolChoice::Kind::kNamed;
  choice.name = name->get_string();
}

}  // namespace

void read_tools(JsonFields& fields, ToolRequest& request) {
  const json::value* value = fields.find("tools");
  if (value != nullptr) {
    if (!value->is_array() || value->get_array().empty() || value->get_array().size() > kMaxTools) {
      return fields.fail_type("tools", *value, fmt::format("a list of 1 to {} tools", kMaxTools));
    }
    for (const json::value& element : value->get_array()) {
      auto tool = parse_tool(element, request.tools.size());
      if (!tool) return fields.fail_with(tool.error());
      request.tools.push_back(*std::move(tool));
    }
    request.choice.kind = ToolChoice::Kind::kAuto;
  }
  read_tool_choice(fields, request.choice);
  fields.read("parallel_tool_calls", request.parallel);
  if (!fields.ok()) return;
  if (const auto checked = check_tool_choice(request); !checked) fields.fail_with(checked.error());
}

Result<void> check_tool_choice(const ToolRequest& request) {
  const ToolChoice& choice = request.choice;
  if (choice.kind != ToolChoice::Kind::kNone && request.tools.empty()) {
    return field_error(ErrorCode::kInvalidArgument, "tool_choice",
                       "got it without tools, expected tools");
  }
  const bool known = std::ranges::any_of(
      request.tools, [&](const Tool& tool) { return tool.name == choice.name; });
  if (choice.kind == ToolChoice::Kind::kNamed && !known) {
    return field_error(ErrorCode::kInvalidArgument, "tool_choice",
                       "got the function {}, expected one of tools", in_quotes(choice.name));
  }
  return {};
}

}  // namespace ernie
