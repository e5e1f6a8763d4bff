#include "server/responses_request.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>

#include "base/utf8.h"
#include "json/fields.h"
#include "json/text.h"
#include "server/bodies.h"

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

/// The items of `input` as messages of a chat. What an assistant did in one turn (reasoning, text,
/// calls) is several items here and one message there.
class ItemConverter {
 public:
  Result<json::array> convert(const json::object& body) {
    const json::value* instructions = body.if_contains("instructions");
    if (instructions != nullptr && !instructions->is_null()) {
      if (!instructions->is_string()) {
        return field_error(ErrorCode::kInvalidArgument, "instructions", "got {}, expected a text",
                           brief(*instructions));
      }
      if (!instructions->get_string().empty()) {
        messages_.push_back(json::object{{"role", "system"}, {"content", *instructions}});
      }
    }
    const json::value* input = body.if_contains("input");
    if (input != nullptr && input->is_string()) {
      messages_.push_back(json::object{{"role", "user"}, {"content", *input}});
      return std::move(messages_);
    }
    if (input == nullptr || !input->is_array() || input->get_array().empty()) {
      return field_error(ErrorCode::kInvalidArgument, "input",
                         "expected a text or a list of items, not empty");
    }
    size_t index = 0;
    for (const json::value& item : input->get_array()) {
      ERNIE_TRY_VOID(add(item, fmt::format("input[{}]", index++)));
    }
    if (messages_.empty()) {
      return field_error(ErrorCode::kInvalidArgument, "input",
                         "expected a message among the items");
    }
    return std::move(messages_);
  }

 private:
  Result<void> add(const json::value& value, const std::string& where) {
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
        ERNIE_TRY(reasoning_, content_text(content, where + ".content"));
      }
      return {};
    }
    if (type == "function_call") {
      if (!member("name").is_string() || !member("arguments").is_string()) {
        return field_error(ErrorCode::kInvalidArgument, where,
                           "got {}, expected a name and arguments", brief(value));
      }
      add_call(member("call_id"), member("name"), member("arguments"));
      return {};
    }
    if (type == "function_call_output") {
      ERNIE_TRY(std::string text, content_text(member("output"), where + ".output"));
      messages_.push_back(json::object{{"role", "tool"}, {"content", text}});
      return {};
    }
    if (!type.is_null() && type != "message") {
      return field_error(ErrorCode::kUnsupported, where + ".type",
                         "got {}, expected message, reasoning, function_call or "
                         "function_call_output",
                         brief(type));
    }
    return add_message(member("role"), member("content"), where);
  }

  Result<void> add_message(const json::value& role, const json::value& content,
                           const std::string& where) {
    if (role != "user" && role != "assistant" && role != "system" && role != "developer") {
      return field_error(ErrorCode::kInvalidArgument, where + ".role",
                         "got {}, expected user, assistant, system or developer", brief(role));
    }
    ERNIE_TRY(std::string text, content_text(content, where + ".content"));
    json::object message{{"role", role}, {"content", text}};
    const std::string reasoning = std::exchange(reasoning_, {});
    if (role == "assistant" && !reasoning.empty()) message["reasoning"] = reasoning;
    messages_.push_back(std::move(message));
    return {};
  }

  void add_call(const json::value& id, const json::value& name, const json::value& arguments) {
    const bool goes_on = !messages_.empty() && messages_.back().at("role") == "assistant";
    if (!goes_on || !reasoning_.empty()) {
      messages_.push_back(json::object{
          {"role", "assistant"}, {"content", ""}, {"reasoning", std::exchange(reasoning_, {})}});
    }
    json::value& calls = messages_.back().get_object()["tool_calls"];
    if (!calls.is_array()) calls = json::array();
    calls.get_array().push_back(
        json::object{{"id", id},
                     {"type", "function"},
                     {"function", {{"name", name}, {"arguments", arguments}}}});
  }

  json::array messages_;
  std::string reasoning_;  // of the turn under way
};

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

/// What is kept between requests, or runs without one.
Result<void> refuse_stored(const json::object& body) {
  for (const char* name : {"previous_response_id", "conversation", "prompt"}) {
    const json::value* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) continue;
    return field_error(ErrorCode::kUnsupported, name,
                       "got a value, expected none: answers are not stored");
  }
  JsonFields fields(body);
  const auto background = fields.boolean({"background"});
  fields.boolean({"store"});
  if (background && *background) {
    return field_error(ErrorCode::kUnsupported, "background",
                       "got true, expected false: answers are not stored");
  }
  return fields.finish_ignoring_others();
}

/// What means nothing here but stands in the answer, where clients read it by its type.
Result<void> check_echoed(const json::object& body) {
  JsonFields fields(body);
  if (const json::value* metadata = fields.find("metadata")) {
    const json::object* members = metadata->if_object();
    const bool are_texts = members != nullptr && std::ranges::all_of(*members, [](const auto& one) {
                             return one.value().is_string();
                           });
    if (!are_texts) fields.fail_type("metadata", *metadata, "an object of texts");
  }
  const json::value* reasoning = fields.find("reasoning");
  if (reasoning != nullptr && !reasoning->is_object()) {
    fields.fail_type("reasoning", *reasoning, "an object");
  }
  int32_t max_tool_calls = 0;
  fields.read("max_tool_calls", max_tool_calls);
  return fields.finish_ignoring_others();
}

/// Whether `include` asks for log-probabilities. What else it may list is nothing that answers here
/// have.
Result<bool> includes_logprobs(const json::object& body) {
  const json::value* include = body.if_contains("include");
  if (include == nullptr || include->is_null()) return false;
  if (!include->is_array()) {
    return field_error(ErrorCode::kInvalidArgument, "include", "got {}, expected a list of texts",
                       brief(*include));
  }
  return std::ranges::find(include->get_array(), "message.output_text.logprobs") !=
         include->get_array().end();
}

/// The same request as a body of /v1/chat/completions.
Result<json::object> to_chat(const json::object& body) {
  json::object chat;
  ERNIE_TRY(chat["messages"], ItemConverter().convert(body));
  for (const char* name : {"model",
                           "temperature",
                           "top_p",
                           "top_k",
                           "min_p",
                           "stream",
                           "seed",
                           "stop",
                           "user",
                           "presence_penalty",
                           "frequency_penalty",
                           "repetition_penalty",
                           "tool_choice",
                           "parallel_tool_calls",
                           "structured_outputs",
                           "request_id",
                           "priority",
                           "ignore_eos",
                           "stop_token_ids",
                           "include_stop_str_in_output",
                           "skip_special_tokens",
                           "logit_bias",
                           "cache_salt",
                           "include_reasoning",
                           "top_logprobs"}) {
    if (const json::value* value = body.if_contains(name)) chat[name] = *value;
  }
  chat["logprobs"] = true;  // so that top_logprobs is checked
  if (const json::value* most = body.if_contains("max_output_tokens")) {
    chat["max_completion_tokens"] = *most;
  }
  const json::value* tools = body.if_contains("tools");
  const bool has_tools =
      tools != nullptr && !(tools->is_array() && tools->get_array().empty()) && !tools->is_null();
  if (has_tools) chat["tools"] = chat_tools(*tools);
  const json::value* choice = body.if_contains("tool_choice");
  if (!has_tools && choice != nullptr && *choice == "auto") chat.erase("tool_choice");
  ERNIE_TRY_VOID(refuse_stored(body));
  ERNIE_TRY_VOID(check_echoed(body));
  return chat;
}

/// `auto`: what does not fit is cut off at the beginning, so that the answer has its room, half of
/// the context at most.
Result<void> read_truncation(const json::object& body, int64_t max_model_len,
                             ServerRequest& request) {
  JsonFields fields(body);
  const std::string kind = fields.text({"truncation"}).value_or("disabled");
  ERNIE_TRY_VOID(fields.finish_ignoring_others());
  if (kind != "auto" && kind != "disabled") {
    return field_error(ErrorCode::kInvalidArgument, "truncation",
                       "got {}, expected auto or disabled", in_quotes(kind));
  }
  if (kind == "disabled") return {};
  const int64_t wanted = request.has_max_tokens ? request.params.max_tokens : 1;
  const int64_t room = std::min(wanted, max_model_len / 2);
  request.truncate_prompt_tokens = static_cast<int32_t>(max_model_len - room);
  return {};
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
  OutputFormat read;
  read_response_format(fields, "format", *format, /*flat=*/true, read);
  ERNIE_TRY_VOID(fields.finish_ignoring_others());
  if (read.kind == OutputFormat::Kind::kText) return {};
  const bool is_named = request.tools.choice.kind == ToolChoice::Kind::kNamed;
  if (request.format.kind != OutputFormat::Kind::kText || is_named) {
    return field_error(ErrorCode::kInvalidArgument, "text.format",
                       "got it beside {}, expected one of them",
                       is_named ? "a named function" : request.format.field);
  }
  read.field = "text.format";
  request.format = std::move(read);
  return {};
}

}  // namespace

Error as_responses_error(Error error) {
  // A tool has its members beside the type here.
  for (std::string* text : {&error.field, &error.message}) {
    const size_t inner = text->find("].function");
    if (text->starts_with("tools[") && inner != std::string::npos) {
      text->erase(inner + 1, std::string_view(".function").size());
    }
  }
  static constexpr std::array<FieldName, 4> kNames{
      {{"messages", "input"},
       {"prompt", "input"},
       {"max_tokens", "max_output_tokens"},
       {"max_completion_tokens", "max_output_tokens"}}};
  return with_names(std::move(error), kNames);
}

Result<ServerRequest> parse_responses(const json::object& body, const SamplingParams& defaults,
                                      const RequestLimits& limits, int64_t max_model_len) {
  ERNIE_TRY(const json::object chat, to_chat(body));
  ERNIE_TRY(const bool has_logprobs, includes_logprobs(body));
  auto request = parse_server_chat(chat, defaults, limits);
  if (!request) return as_responses_error(std::move(request).error());
  if (!has_logprobs) request->params.logprobs.reset();
  ERNIE_TRY_VOID(read_truncation(body, max_model_len, *request));
  ERNIE_TRY_VOID(read_text_format(body, *request));
  return request;
}

}  // namespace ernie
