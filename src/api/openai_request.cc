#include <algorithm>
#include <charconv>
#include <limits>

#include "api/openai_json.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// Token ids, or nothing if an element is none.
std::optional<std::vector<TokenId>> token_ids(const json::array& array) {
  std::vector<TokenId> ids;
  ids.reserve(array.size());
  for (const auto& element : array) {
    const auto* id = element.if_int64();
    if (id == nullptr || *id < 0 || *id > std::numeric_limits<TokenId>::max()) return std::nullopt;
    ids.push_back(static_cast<TokenId>(*id));
  }
  return ids;
}

void read_stop(JsonFields& fields, std::vector<std::string>& stop) {
  const json::value* value = fields.find("stop");
  if (value == nullptr) return;
  const json::array one{*value};
  const json::array& list = value->is_array() ? value->get_array() : one;
  stop.clear();
  for (const auto& element : list) {
    if (!element.is_string()) {
      return fields.fail_type("stop", element, "a string or a list of strings");
    }
    if (element.get_string().empty()) {
      return fields.fail("stop", "got an empty string, which would stop everywhere");
    }
    stop.emplace_back(element.get_string());
  }
}

void read_stop_token_ids(JsonFields& fields, std::vector<int32_t>& out) {
  const json::value* value = fields.find("stop_token_ids");
  if (value == nullptr) return;
  const auto ids = value->is_array() ? token_ids(value->get_array()) : std::nullopt;
  if (!ids) return fields.fail_type("stop_token_ids", *value, "a list of token ids");
  out = *ids;
}

void read_logit_bias(JsonFields& fields, std::vector<std::pair<int32_t, float>>& out) {
  const json::value* value = fields.find("logit_bias");
  if (value == nullptr) return;
  if (!value->is_object()) return fields.fail_type("logit_bias", *value, "an object");
  out.clear();
  JsonFields biases(value->get_object(), "logit_bias.");
  for (const auto& member : value->get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    int32_t id = 0;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size()) {
      return fields.fail("logit_bias",
                         fmt::format("got the key {}, expected a token id", shown_key(key)));
    }
    float bias = 0;
    biases.read(key, bias);
    out.emplace_back(id, bias);
  }
  if (!biases.ok()) fields.fail("logit_bias", "expected a finite number for each token id");
}

/// A message's content: a string, text parts, or null.
bool read_content(const json::value* content, std::string& out) {
  if (content == nullptr) return true;
  if (content->is_string()) {
    out = content->get_string();
    return true;
  }
  if (!content->is_array()) return false;
  for (const auto& part : content->get_array()) {
    const auto* object = part.if_object();
    if (object == nullptr) return false;
    const auto* type = object->if_contains("type");
    const auto* text = object->if_contains("text");
    if (type == nullptr || *type != "text" || text == nullptr || !text->is_string()) return false;
    if (&part != content->get_array().begin()) out += '\n';
    out += std::string_view(text->get_string());
  }
  return true;
}

/// One call of a tool in an assistant's message, as the chat template takes it.
Result<std::string> parse_tool_call(const json::value& value, const std::string& where) {
  const json::object* object = value.if_object();
  const json::value* function = object == nullptr ? nullptr : object->if_contains("function");
  if (function == nullptr || !function->is_object()) {
    return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected a call of a function",
                       brief(value));
  }
  JsonFields fields(function->get_object(), where + ".function.");
  std::string name;
  fields.read("name", name);
  if (name.empty()) fields.fail("name", "expected a name");
  json::value arguments = json::object();
  if (const json::value* given = fields.find("arguments")) {
    if (given->is_string()) {
      // Clients send the text that a model wrote, which need not be JSON.
      const json::string& text = given->get_string();
      auto parsed = parse_json({text.data(), text.size()});
      if (parsed) {
        arguments = *std::move(parsed);
      } else if (!text.empty()) {
        arguments = text;
      }
    } else if (given->is_object()) {
      arguments = *given;
    } else {
      fields.fail_type("arguments", *given, "an object as JSON text");
    }
  }
  ERNIE_TRY_VOID(fields.finish());
  return json_text(json::object{{"name", name}, {"arguments", std::move(arguments)}});
}

void read_tool_calls(JsonFields& fields, const std::string& where, ChatMessage& message) {
  const json::value* calls = fields.find("tool_calls");
  if (calls == nullptr) return;
  if (!calls->is_array()) return fields.fail_type("tool_calls", *calls, "a list of calls");
  for (const json::value& element : calls->get_array()) {
    auto call = parse_tool_call(element,
                                fmt::format("{}.tool_calls[{}]", where, message.tool_calls.size()));
    if (!call) return fields.fail_with(call.error());
    message.tool_calls.push_back(*std::move(call));
  }
}

Result<ChatMessage> parse_message(const json::value& value, size_t index) {
  const std::string where = fmt::format("messages[{}]", index);
  if (!value.is_object()) {
    return field_error(ErrorCode::kInvalidArgument, where, "got {}, expected an object",
                       brief(value));
  }
  JsonFields fields(value.get_object(), where + ".");
  ChatMessage message;
  fields.read("role", message.role);
  if (message.role.empty()) fields.fail("role", "expected a role");
  if (message.role == "developer") message.role = "system";
  const json::value* content = fields.find("content");
  if (content == nullptr && message.role != "assistant") fields.fail("content", "expected a text");
  if (!read_content(content, message.content)) {
    fields.fail("content", R"(expected a string or parts {"type": "text", "text": …})");
  }
  fields.read("reasoning_content", message.reasoning_content);
  fields.read("reasoning", message.reasoning_content);
  read_tool_calls(fields, where, message);
  fields.ignore({"name", "refusal", "tool_call_id", "audio", "annotations"});
  ERNIE_TRY_VOID(fields.finish());
  return message;
}

/// Fields that exist in the API and here can have only one value, or none that matters.
void read_fixed_fields(JsonFields& fields) {
  for (const char* name : {"n", "best_of"}) {
    int32_t count = 1;
    fields.read(name, count);
    if (count != 1) fields.fail(name, fmt::format("got {}, only 1 is supported", count));
  }
  bool stream = false;
  fields.read("stream", stream);
  if (stream) fields.fail("stream", "got true, expected false: a batch row has one answer");
  const json::value* format = fields.find("response_format");
  if (format != nullptr && *format != json::value(json::object{{"type", "text"}})) {
    fields.fail("response_format", R"(only {"type": "text"} is supported)");
  }
  fields.ignore({"user", "metadata", "store", "service_tier", "stream_options", "safety_identifier",
                 "prompt_cache_key"});
}

void check_one_of(JsonFields& fields, const char* name, const UserPrompt& prompt) {
  const bool is_text = std::holds_alternative<std::string>(prompt);
  if (is_text && std::get<std::string>(prompt).empty()) fields.fail(name, "expected a prompt");
}

void read_chat_logprobs(JsonFields& fields, SamplingParams& params) {
  bool logprobs = false;
  fields.read("logprobs", logprobs);
  const bool has_top = fields.find("top_logprobs") != nullptr;
  int32_t top_logprobs = 0;
  fields.read("top_logprobs", top_logprobs);
  if (has_top && top_logprobs != 0 && !logprobs) {
    fields.fail("top_logprobs", "needs \"logprobs\": true");
  }
  if (logprobs) params.logprobs = top_logprobs;
}

void read_optional(JsonFields& fields, std::string_view name, std::optional<int32_t>& out) {
  int32_t value = 0;
  if (fields.find(name) == nullptr) return;
  fields.read(name, value);
  out = value;
}

}  // namespace

void read_sampling_fields(JsonFields& fields, SamplingParams& params, bool& has_seed) {
  fields.read("temperature", params.temperature);
  fields.read("top_k", params.top_k);
  fields.read("top_p", params.top_p);
  fields.read("min_p", params.min_p);
  fields.read("repetition_penalty", params.repetition_penalty);
  fields.read("presence_penalty", params.presence_penalty);
  fields.read("frequency_penalty", params.frequency_penalty);
  read_logit_bias(fields, params.logit_bias);
  if (fields.find("seed") != nullptr) {
    int64_t seed = 0;
    fields.read("seed", seed);
    params.seed = static_cast<uint64_t>(seed);
    has_seed = true;
  }
  fields.read("max_tokens", params.max_tokens);
  fields.read("min_tokens", params.min_tokens);
  fields.read("ignore_eos", params.ignore_eos);
  read_stop(fields, params.stop);
  read_stop_token_ids(fields, params.stop_token_ids);
  fields.read("include_stop_str_in_output", params.include_stop_in_output);
  fields.read("skip_special_tokens", params.skip_special_tokens);
  read_optional(fields, "prompt_logprobs", params.prompt_logprobs);
}

void read_prompt(JsonFields& fields, UserPrompt& prompt) {
  const json::value* value = fields.find("prompt");
  if (value == nullptr) return;
  const auto* list = value->if_array();
  // A list of one prompt is that prompt; of several ones each would be a choice of its own.
  if (list != nullptr && list->size() == 1 && !list->front().is_number()) {
    value = &list->front();
    list = value->if_array();
  }
  if (value->is_string()) {
    prompt = std::string(value->get_string());
    return;
  }
  auto ids = list != nullptr && !list->empty() ? token_ids(*list) : std::nullopt;
  if (!ids) {
    return fields.fail_type("prompt", *value, "a string, token ids, or a list of one of these");
  }
  prompt = std::move(*ids);
}

void read_messages(JsonFields& fields, UserPrompt& prompt) {
  const json::value* value = fields.find("messages");
  if (value == nullptr) return;
  if (!value->is_array() || value->get_array().empty()) {
    return fields.fail_type("messages", *value, "a list of messages, not empty");
  }
  std::vector<ChatMessage> messages;
  for (const auto& element : value->get_array()) {
    auto message = parse_message(element, messages.size());
    if (!message) {
      return fields.fail_with(message.error());
    }
    messages.push_back(*std::move(message));
  }
  prompt = std::move(messages);
}

Result<ApiRequest> parse_completion_body(const json::object& body) {
  ApiRequest request;
  JsonFields fields(body);
  fields.read("model", request.model);
  read_prompt(fields, request.prompt);
  check_one_of(fields, "prompt", request.prompt);
  read_sampling_fields(fields, request.params, request.has_seed);
  read_optional(fields, "logprobs", request.params.logprobs);
  fields.read("echo", request.echo);
  read_fixed_fields(fields);
  if (fields.find("suffix") != nullptr) fields.fail("suffix", "not supported");
  ERNIE_TRY_VOID(fields.finish());
  return request;
}

Result<ApiRequest> parse_chat_body(const json::object& body) {
  ApiRequest request;
  request.params.max_tokens = std::numeric_limits<int32_t>::max();
  JsonFields fields(body);
  fields.read("model", request.model);
  read_messages(fields, request.prompt);
  check_one_of(fields, "messages", request.prompt);
  read_sampling_fields(fields, request.params, request.has_seed);
  fields.read("max_completion_tokens", request.params.max_tokens);
  read_chat_logprobs(fields, request.params);
  read_fixed_fields(fields);
  ERNIE_TRY_VOID(fields.finish());
  return request;
}

Result<GenerationRequest> to_generation_request(const ApiRequest& request,
                                                const Tokenizer* tokenizer, ChatTemplateKind kind) {
  SamplingParams params = request.params;
  // The logprobs of an echoed prompt are part of the answer's logprobs.
  if (request.echo && params.logprobs) {
    params.prompt_logprobs = std::max(*params.logprobs, params.prompt_logprobs.value_or(0));
  }
  return to_generation_request(request.prompt, std::move(params), tokenizer, kind);
}

}  // namespace ernie
