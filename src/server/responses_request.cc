#include "server/responses_request.h"

#include <boost/json/array.hpp>

#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// Text of a content: a string, or parts of input_text and output_text.
Result<std::string> content_text(const json::value& content, const std::string& where) {
  if (content.is_string()) return std::string(content.get_string());
  if (!content.is_array()) {
    return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected a text or parts",
                       brief(content));
  }
  std::string text;
  for (const json::value& part : content.get_array()) {
    const json::object* object = part.if_object();
    const json::value* piece = object == nullptr ? nullptr : object->if_contains("text");
    if (piece == nullptr || !piece->is_string()) {
      return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected parts of text",
                         brief(part));
    }
    if (!text.empty()) text += '\n';
    text += std::string_view(piece->get_string().data(), piece->get_string().size());
  }
  return text;
}

/// One item of `input` as a message of a chat. Reasoning belongs to the message behind it.
Result<void> add_item(const json::value& value, const std::string& where, json::array& messages,
                      std::string& reasoning) {
  const json::object* item = value.if_object();
  if (item == nullptr) {
    return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected an object",
                       brief(value));
  }
  const auto member = [&](const char* name) {
    const json::value* found = item->if_contains(name);
    return found == nullptr ? json::value() : *found;
  };
  const json::value type = member("type");
  if (type == "reasoning") {
    const json::value content = member("content");
    if (content.is_array()) {
      ERNIE_TRY(reasoning, content_text(content, where + ".content"));
    }
    return {};
  }
  if (type == "function_call") {
    json::object call{{"id", member("call_id")},
                      {"type", "function"},
                      {"function", {{"name", member("name")}, {"arguments", member("arguments")}}}};
    messages.push_back(json::object{{"role", "assistant"},
                                    {"content", ""},
                                    {"reasoning", std::exchange(reasoning, {})},
                                    {"tool_calls", json::array{std::move(call)}}});
    return {};
  }
  if (type == "function_call_output") {
    ERNIE_TRY(std::string text, content_text(member("output"), where + ".output"));
    messages.push_back(json::object{{"role", "tool"}, {"content", text}});
    return {};
  }
  if (!type.is_null() && type != "message") {
    return field_error(ErrorCode::kUnsupported, where + ".type",
                       "got {}, expected message, reasoning, function_call or "
                       "function_call_output",
                       brief(type));
  }
  ERNIE_TRY(std::string text, content_text(member("content"), where + ".content"));
  json::object message{{"role", member("role")}, {"content", text}};
  if (!reasoning.empty()) message["reasoning"] = std::exchange(reasoning, {});
  messages.push_back(std::move(message));
  return {};
}

Result<json::array> input_messages(const json::object& body) {
  json::array messages;
  const json::value* instructions = body.if_contains("instructions");
  if (instructions != nullptr && instructions->is_string()) {
    messages.push_back(json::object{{"role", "system"}, {"content", *instructions}});
  }
  const json::value* input = body.if_contains("input");
  if (input != nullptr && input->is_string()) {
    messages.push_back(json::object{{"role", "user"}, {"content", *input}});
    return messages;
  }
  if (input == nullptr || !input->is_array() || input->get_array().empty()) {
    return field_error(ErrorCode::kInvalidArgument, "input",
                       "expected a text or a list of items, not empty");
  }
  std::string reasoning;
  size_t index = 0;
  for (const json::value& item : input->get_array()) {
    ERNIE_TRY_VOID(add_item(item, fmt::format("input.{}", index++), messages, reasoning));
  }
  return messages;
}

json::value chat_tools(const json::value& tools) {
  if (!tools.is_array()) return tools;
  json::array converted;
  for (const json::value& tool : tools.get_array()) {
    const json::object* object = tool.if_object();
    if (object == nullptr || object->contains("function")) {
      converted.push_back(tool);
      continue;
    }
    json::object function = *object;
    const json::value type = object->contains("type") ? object->at("type") : json::value();
    function.erase("type");
    function.erase("strict");
    converted.push_back(json::object{{"type", type}, {"function", std::move(function)}});
  }
  return converted;
}

/// The same request as a body of /v1/chat/completions.
Result<json::object> to_chat(const json::object& body) {
  json::object chat;
  ERNIE_TRY(chat["messages"], input_messages(body));
  for (const char* name :
       {"model", "temperature", "top_p", "top_k", "min_p", "stream", "seed", "stop", "user",
        "presence_penalty", "frequency_penalty", "repetition_penalty", "tool_choice",
        "parallel_tool_calls", "structured_outputs", "request_id", "priority", "ignore_eos"}) {
    if (const json::value* value = body.if_contains(name)) chat[name] = *value;
  }
  if (const json::value* most = body.if_contains("max_output_tokens")) {
    chat["max_completion_tokens"] = *most;
  }
  if (const json::value* top = body.if_contains("top_logprobs"); top && !top->is_null()) {
    chat["logprobs"] = true;
    chat["top_logprobs"] = *top;
  }
  const json::value* tools = body.if_contains("tools");
  const bool has_tools =
      tools != nullptr && !(tools->is_array() && tools->get_array().empty()) && !tools->is_null();
  if (has_tools) chat["tools"] = chat_tools(*tools);
  if (!has_tools) chat.erase("tool_choice");
  for (const char* name : {"previous_response_id", "conversation", "prompt"}) {
    const json::value* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) continue;
    return field_error(ErrorCode::kUnsupported, name,
                       "got a value, expected none: answers are not stored");
  }
  const json::value* background = body.if_contains("background");
  if (background != nullptr && *background == true) {
    return field_error(ErrorCode::kUnsupported, "background",
                       "got true, expected false: answers are not stored");
  }
  return chat;
}

/// text.format has the schema beside its type, other than response_format.
Result<void> read_text_format(const json::object& body, ServerRequest& request) {
  const json::value* text = body.if_contains("text");
  if (text == nullptr || text->is_null()) return {};
  if (!text->is_object()) {
    return field_error(ErrorCode::kInvalidArgument, "text", "got {}, expected an object",
                       brief(*text));
  }
  JsonFields fields(text->get_object(), "text.");
  const json::value* format = fields.find("format");
  if (format == nullptr) return {};
  read_response_format(fields, "format", *format, /*flat=*/true, request.format);
  return fields.finish_ignoring_others();
}

}  // namespace

Result<ServerRequest> parse_responses(const json::object& body, const SamplingParams& defaults,
                                      const RequestLimits& limits) {
  ERNIE_TRY(const json::object chat, to_chat(body));
  ERNIE_TRY(ServerRequest request, parse_server_chat(chat, defaults, limits));
  ERNIE_TRY_VOID(read_text_format(body, request));
  return request;
}

}  // namespace ernie
