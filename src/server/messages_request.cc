#include "server/messages_request.h"

#include <array>
#include <boost/json/array.hpp>

#include "json/fields.h"
#include "json/text.h"
#include "server/bodies.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// Text of a string or of a list of text blocks.
Result<std::string> text_of(const json::value& value, const std::string& where) {
  if (value.is_string()) return std::string(value.get_string());
  std::string text;
  if (!value.is_array()) {
    return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected a text or blocks",
                       brief(value));
  }
  for (const json::value& block : value.get_array()) {
    const json::object* object = block.if_object();
    const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
    const json::value* part = object == nullptr ? nullptr : object->if_contains("text");
    if (type == nullptr || *type != "text" || part == nullptr || !part->is_string()) {
      return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected blocks of text",
                         brief(block));
    }
    if (!text.empty()) text += '\n';
    text += std::string_view(part->get_string().data(), part->get_string().size());
  }
  return text;
}

/// One message of this API as messages of a chat: a tool's result is a message of its own there.
class MessageConverter {
 public:
  Result<json::array> convert(const json::object& body) {
    if (const json::value* system = body.if_contains("system"); system && !system->is_null()) {
      ERNIE_TRY(std::string text, text_of(*system, "system"));
      if (!text.empty()) messages_.push_back(json::object{{"role", "system"}, {"content", text}});
    }
    const json::value* list = body.if_contains("messages");
    if (list == nullptr || !list->is_array() || list->get_array().empty()) {
      return field_error(ErrorCode::kInvalidArgument, "messages",
                         "expected a list of messages, not empty");
    }
    for (const json::value& message : list->get_array()) {
      ERNIE_TRY_VOID(add(message, fmt::format("messages.{}", index_++)));
    }
    return std::move(messages_);
  }

 private:
  Result<void> add(const json::value& value, const std::string& where) {
    const json::object* object = value.if_object();
    const json::value* role = object == nullptr ? nullptr : object->if_contains("role");
    const json::value* content = object == nullptr ? nullptr : object->if_contains("content");
    const bool is_known =
        role != nullptr && (*role == "user" || *role == "assistant" || *role == "system");
    if (!is_known || content == nullptr) {
      return field_error(ErrorCode::kInvalidArgument, where,
                         "expected a role of user, assistant or system, and a content");
    }
    if (*role == "system") {
      ERNIE_TRY(std::string text, text_of(*content, where + ".content"));
      messages_.push_back(json::object{{"role", "system"}, {"content", text}});
      return {};
    }
    if (content->is_string()) {
      messages_.push_back(json::object{{"role", *role}, {"content", *content}});
      return {};
    }
    if (!content->is_array()) {
      return field_error(ErrorCode::kInvalidArgument, where + ".content",
                         "got {}, expected a text or blocks", brief(*content));
    }
    text_.clear();
    reasoning_.clear();
    calls_.clear();
    bool has_text = false;
    for (const json::value& block : content->get_array()) {
      ERNIE_TRY(const bool is_text, add_block(block, where + ".content"));
      has_text = has_text || is_text;
    }
    if (!has_text && calls_.empty()) return {};
    json::object message{{"role", *role}, {"content", text_}};
    if (!reasoning_.empty()) message["reasoning"] = reasoning_;
    if (!calls_.empty()) message["tool_calls"] = calls_;
    messages_.push_back(std::move(message));
    return {};
  }

  /// Whether it belongs to the message itself.
  Result<bool> add_block(const json::value& block, const std::string& where) {
    const json::object* object = block.if_object();
    const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
    const auto member = [&](const char* name) {
      const json::value* value = object->if_contains(name);
      return value == nullptr ? json::value() : *value;
    };
    if (type != nullptr && *type == "text" && member("text").is_string()) {
      if (!text_.empty()) text_ += '\n';
      text_ += std::string(member("text").get_string());
      return true;
    }
    if (type != nullptr && *type == "thinking" && member("thinking").is_string()) {
      reasoning_ += std::string(member("thinking").get_string());
      return true;
    }
    // What another service hid of its reasoning; nobody else can read it.
    if (type != nullptr && *type == "redacted_thinking") return false;
    if (type != nullptr && *type == "tool_use" && member("name").is_string() &&
        member("input").is_object()) {
      calls_.push_back(json::object{
          {"id", member("id")},
          {"type", "function"},
          {"function", {{"name", member("name")}, {"arguments", json_text(member("input"))}}}});
      return true;
    }
    if (type != nullptr && *type == "tool_result") {
      const json::value content = member("content");
      std::string text;
      if (!content.is_null()) {
        ERNIE_TRY(text, text_of(content, where + ".content"));
      }
      messages_.push_back(json::object{{"role", "tool"}, {"content", text}});
      return false;
    }
    return field_error(
        ErrorCode::kInvalidArgument, where,
        "got {}, expected a block of text, thinking, tool_use or tool_result with its "
        "members",
        brief(block));
  }

  json::array messages_, calls_;
  std::string text_, reasoning_;
  size_t index_ = 0;
};

Result<json::object> convert_tool(const json::value& tool, const std::string& where) {
  const json::object* object = tool.if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type != nullptr && !type->is_null() && *type != "custom") {
    return field_error(ErrorCode::kUnsupported, where + ".type",
                       "got {}, expected custom or nothing: this server runs no tools",
                       brief(*type));
  }
  const json::value* schema = object == nullptr ? nullptr : object->if_contains("input_schema");
  if (schema == nullptr || !schema->is_object() || !object->contains("name")) {
    return field_error(ErrorCode::kInvalidArgument, where,
                       "got {}, expected an object with a name and an input_schema", brief(tool));
  }
  json::object function{{"name", object->at("name")}};
  if (const auto* text = object->if_contains("description")) function["description"] = *text;
  function["parameters"] = *schema;
  return json::object{{"type", "function"}, {"function", std::move(function)}};
}

Result<void> convert_tools(const json::object& body, json::object& chat) {
  const json::value* tools = body.if_contains("tools");
  if (tools == nullptr || tools->is_null()) return {};
  if (!tools->is_array()) {
    return field_error(ErrorCode::kInvalidArgument, "tools", "got {}, expected a list",
                       brief(*tools));
  }
  json::array converted;
  for (const json::value& tool : tools->get_array()) {
    ERNIE_TRY(json::object one, convert_tool(tool, fmt::format("tools.{}", converted.size())));
    converted.push_back(std::move(one));
  }
  if (!converted.empty()) chat["tools"] = std::move(converted);
  return {};
}

Result<void> convert_tool_choice(const json::object& body, json::object& chat) {
  const json::value* choice = body.if_contains("tool_choice");
  if (choice == nullptr || choice->is_null()) return {};
  const json::object* object = choice->if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type == nullptr) {
    return field_error(ErrorCode::kInvalidArgument, "tool_choice",
                       "got {}, expected an object with a type of auto, any, tool or none",
                       brief(*choice));
  }
  if (*type == "tool" && object->contains("name")) {
    chat["tool_choice"] =
        json::object{{"type", "function"}, {"function", {{"name", object->at("name")}}}};
  } else if (*type == "any") {
    chat["tool_choice"] = "required";
  } else if (*type == "none" || (*type == "auto" && chat.contains("tools"))) {
    chat["tool_choice"] = *type;
  } else if (*type != "auto") {
    return field_error(ErrorCode::kInvalidArgument, "tool_choice",
                       "got {}, expected a type of auto, any, tool or none, and with tool a name",
                       brief(*choice));
  }
  JsonFields fields(*object, "tool_choice.");
  const auto one_call = fields.boolean({"disable_parallel_tool_use"});
  if (one_call && *one_call) chat["parallel_tool_calls"] = false;
  return fields.finish_ignoring_others();
}

/// output_config.format, as response_format.
Result<void> convert_format(const json::object& body, json::object& chat) {
  const json::value* config = body.if_contains("output_config");
  if (config == nullptr || config->is_null()) return {};
  if (!config->is_object()) {
    return field_error(ErrorCode::kInvalidArgument, "output_config", "got {}, expected an object",
                       brief(*config));
  }
  const json::value* format = config->get_object().if_contains("format");
  if (format == nullptr || format->is_null()) return {};
  const json::object* object = format->if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  const json::value* schema = object == nullptr ? nullptr : object->if_contains("schema");
  if (type == nullptr || *type != "json_schema" || schema == nullptr || !schema->is_object()) {
    return field_error(ErrorCode::kInvalidArgument, "output_config.format",
                       "got {}, expected a type of json_schema, and a schema", brief(*format));
  }
  chat["response_format"] = {{"type", "json_schema"},
                             {"json_schema", {{"name", "output_config"}, {"schema", *schema}}}};
  return {};
}

/// The answer goes on where the assistant's last text ends.
void continue_last_message(json::object& chat) {
  const json::object& last = chat.at("messages").get_array().back().get_object();
  if (last.at("role") != "assistant" || last.contains("tool_calls")) return;
  chat["add_generation_prompt"] = false;
  chat["continue_final_message"] = true;
}

/// The same request as a body of /v1/chat/completions.
Result<json::object> to_chat(const json::object& body, bool needs_max_tokens) {
  json::object chat;
  ERNIE_TRY(chat["messages"], MessageConverter().convert(body));
  if (chat.at("messages").get_array().empty()) {
    return field_error(ErrorCode::kInvalidArgument, "messages", "expected a message with a text");
  }
  continue_last_message(chat);
  ERNIE_TRY_VOID(convert_tools(body, chat));
  ERNIE_TRY_VOID(convert_tool_choice(body, chat));
  ERNIE_TRY_VOID(convert_format(body, chat));
  for (const char* name :
       {"model", "max_tokens", "temperature", "top_p", "top_k", "stream", "return_token_ids",
        "seed", "request_id", "priority", "ignore_eos", "cache_salt"}) {
    if (const json::value* value = body.if_contains(name)) chat[name] = *value;
  }
  if (const json::value* stop = body.if_contains("stop_sequences")) {
    if (!stop->is_array() && !stop->is_null()) {
      return field_error(ErrorCode::kInvalidArgument, "stop_sequences",
                         "got {}, expected a list of texts", brief(*stop));
    }
    chat["stop"] = *stop;
  }
  const json::value* most = body.if_contains("max_tokens");
  if (needs_max_tokens && (most == nullptr || !most->is_int64() || most->get_int64() < 1)) {
    return field_error(ErrorCode::kInvalidArgument, "max_tokens",
                       "got {}, expected a number of at least 1",
                       most == nullptr ? "nothing" : brief(*most));
  }
  return chat;
}

}  // namespace

Error as_messages_error(Error error) {
  static constexpr std::array<FieldName, 4> kNames{{{"stop", "stop_sequences"},
                                                    {"response_format", "output_config.format"},
                                                    {"continue_final_message", "messages"},
                                                    {"parallel_tool_calls", "tool_choice"}}};
  return with_names(std::move(error), kNames);
}

Result<ServerRequest> parse_messages(const json::object& body, const SamplingParams& defaults,
                                     const RequestLimits& limits, bool needs_max_tokens) {
  ERNIE_TRY(const json::object chat, to_chat(body, needs_max_tokens));
  auto request = parse_server_chat(chat, defaults, limits);
  if (!request) return as_messages_error(std::move(request).error());
  return request;
}

}  // namespace ernie
