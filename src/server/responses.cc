#include "server/responses.h"

#include <boost/json/array.hpp>

#include "json/text.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/chat_answer.h"
#include "server/generation_answer.h"
#include "server/replies.h"

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

json::object responses_usage(const UsageCounts& counts) {
  return {{"input_tokens", counts.num_prompt_tokens},
          {"output_tokens", counts.num_output_tokens},
          {"total_tokens", counts.num_prompt_tokens + counts.num_output_tokens},
          {"input_tokens_details", {{"cached_tokens", counts.num_cached_tokens}}},
          {"output_tokens_details", {{"reasoning_tokens", 0}}}};
}

json::object message_item(const std::string& id, const std::string& text, const char* status) {
  return {{"id", id},
          {"type", "message"},
          {"role", "assistant"},
          {"status", status},
          {"content", json::array{json::object{{"type", "output_text"},
                                               {"text", text},
                                               {"annotations", json::array()},
                                               {"logprobs", json::array()}}}}};
}

json::object reasoning_item(const std::string& id, const std::string& text) {
  return {{"id", id},
          {"type", "reasoning"},
          {"summary", json::array()},
          {"content", json::array{json::object{{"type", "reasoning_text"}, {"text", text}}}}};
}

json::object call_item(const std::string& id, const std::string& call_id, const std::string& name,
                       const std::string& arguments, const char* status) {
  return {{"id", id},     {"type", "function_call"}, {"call_id", call_id},
          {"name", name}, {"arguments", arguments},  {"status", status}};
}

/// What the object says of the request, as it was sent.
json::object response_object(const Submission& submission, const json::object& body,
                             const char* status) {
  const ServerRequest& request = submission.request();
  const auto given = [&](const char* name, json::value otherwise) {
    const json::value* value = body.if_contains(name);
    return value == nullptr || value->is_null() ? std::move(otherwise) : *value;
  };
  return {
      {"id", submission.id()},
      {"object", "response"},
      {"created_at", submission.created()},
      {"status", status},
      {"background", false},
      {"error", nullptr},
      {"incomplete_details", nullptr},
      {"instructions", given("instructions", nullptr)},
      {"max_output_tokens", given("max_output_tokens", nullptr)},
      {"metadata", given("metadata", json::object())},
      {"model", submission.model_name()},
      {"output", json::array()},
      {"parallel_tool_calls", given("parallel_tool_calls", true)},
      {"previous_response_id", nullptr},
      {"reasoning", given("reasoning", json::object{{"effort", nullptr}, {"summary", nullptr}})},
      {"service_tier", "auto"},
      {"store", false},
      {"temperature", request.params.temperature},
      {"text", given("text", json::object{{"format", {{"type", "text"}}}})},
      {"tool_choice", given("tool_choice", "auto")},
      {"tools", given("tools", json::array())},
      {"top_logprobs", given("top_logprobs", nullptr)},
      {"top_p", request.params.top_p},
      {"truncation", "disabled"},
      {"usage", nullptr},
      {"user", given("user", nullptr)}};
}

void set_end(json::object& response, const std::optional<FinishReason>& reason,
             const UsageCounts& counts) {
  response["usage"] = responses_usage(counts);
  if (reason == FinishReason::kStop) return;
  response["status"] = "incomplete";
  response["incomplete_details"] = {
      {"reason", reason == FinishReason::kLength ? "max_output_tokens" : "cancelled"}};
}

HttpReply whole_reply(const json::object& body, Submission& submission,
                      std::vector<GenerationResult> results) {
  const GenerationResult& result = results.front();
  ChatAnswer answer = parse_chat_answer(submission.form(), result.text, result.finish_reason);
  json::object response = response_object(submission, body, "completed");
  json::array output;
  if (!answer.reasoning.empty()) {
    output.push_back(reasoning_item("rs_" + random_id(), answer.reasoning));
  }
  if (!answer.content.empty() || answer.calls.empty()) {
    output.push_back(message_item("msg_" + random_id(), answer.content, "completed"));
  }
  for (const ToolCall& call : answer.calls) {
    output.push_back(call_item("fc_" + random_id(), "call_" + random_id(), call.name,
                               call.arguments, "completed"));
  }
  response["output"] = std::move(output);
  set_end(response, result.finish_reason, count_usage(submission, results));
  return json_reply(response);
}

/// One item is open at a time; what it holds is kept until it is done.
class ResponseEvents final : public EventWriter {
 public:
  ResponseEvents(Submission& submission, json::object body)
      : submission_(submission), body_(std::move(body)), parser_(submission.form()) {
    counts_.num_prompt_tokens = static_cast<int64_t>(submission.prompt_ids(0).size());
  }

  void begin(std::string& out) override {
    const json::object response = response_object(submission_, body_, "in_progress");
    add("response.created", {{"response", response}}, out);
    add("response.in_progress", {{"response", response}}, out);
  }

  void update(size_t, const RequestOutput& news, std::string& out) override {
    counts_.num_output_tokens += static_cast<int64_t>(news.token_ids.size());
    AnswerDelta delta = parser_.push(news.text);
    if (news.finish_reason) merge(delta, parser_.finish());
    if (!delta.reasoning.empty()) add_reasoning(delta.reasoning, out);
    if (!delta.content.empty()) add_text(delta.content, out);
    for (const ToolCall& call : delta.calls) add_call(call, out);
    if (!news.finish_reason) return;
    counts_.num_cached_tokens = news.num_cached_tokens;
    reason_ = news.finish_reason;
  }

  void end(std::string& out) override {
    if (output_.empty() && open_ == Open::kNothing) open_text(out);
    close(out);
    json::object response = response_object(submission_, body_, "completed");
    response["output"] = std::move(output_);
    set_end(response, reason_, counts_);
    const bool is_whole = response.at("status") == "completed";
    add(is_whole ? "response.completed" : "response.incomplete", {{"response", response}}, out);
  }

  void fail(const Error& error, std::string& out) override {
    json::object response = response_object(submission_, body_, "failed");
    response["error"] = {{"code", "server_error"}, {"message", error.message}};
    add("response.failed", {{"response", response}}, out);
  }

 private:
  enum class Open { kNothing, kReasoning, kText, kCall };

  void add(const char* type, json::object event, std::string& out) {
    event["type"] = type;
    event["sequence_number"] = num_events_++;
    add_named_event(type, event, out);
  }
  json::object here() const {
    return {{"item_id", item_id_}, {"output_index", output_.size()}, {"content_index", 0}};
  }
  void open(Open kind, const char* prefix, std::string& out) {
    close(out);
    open_ = kind;
    item_id_ = prefix + random_id();
    text_.clear();
  }
  void add_item(const char* type, json::object item, std::string& out) {
    add(type, {{"output_index", output_.size()}, {"item", std::move(item)}}, out);
  }

  void add_reasoning(const std::string& text, std::string& out) {
    if (open_ != Open::kReasoning) {
      open(Open::kReasoning, "rs_", out);
      json::object item = reasoning_item(item_id_, "");
      item["content"] = json::array();
      add_item("response.output_item.added", std::move(item), out);
    }
    text_ += text;
    json::object event = here();
    event["delta"] = text;
    add("response.reasoning_text.delta", std::move(event), out);
  }

  void open_text(std::string& out) {
    open(Open::kText, "msg_", out);
    json::object item = message_item(item_id_, "", "in_progress");
    const json::value part = item.at("content").at(0);
    item["content"] = json::array();
    add_item("response.output_item.added", std::move(item), out);
    json::object event = here();
    event["part"] = part;
    add("response.content_part.added", std::move(event), out);
  }
  void add_text(const std::string& text, std::string& out) {
    if (open_ != Open::kText) open_text(out);
    text_ += text;
    json::object event = here();
    event["delta"] = text;
    event["logprobs"] = json::array();
    add("response.output_text.delta", std::move(event), out);
  }

  void add_call(const ToolCall& call, std::string& out) {
    if (!(call.name.empty() && open_ == Open::kCall)) {
      open(Open::kCall, "fc_", out);
      call_name_ = call.name.empty() ? submission_.form().forced.name : call.name;
      call_id_ = "call_" + random_id();
      add_item("response.output_item.added",
               call_item(item_id_, call_id_, call_name_, "", "in_progress"), out);
    }
    text_ += call.arguments;
    add("response.function_call_arguments.delta",
        {{"item_id", item_id_}, {"output_index", output_.size()}, {"delta", call.arguments}}, out);
  }

  void close(std::string& out) {
    json::object item;
    switch (std::exchange(open_, Open::kNothing)) {
      case Open::kNothing:
        return;
      case Open::kReasoning: {
        json::object event = here();
        event["text"] = text_;
        add("response.reasoning_text.done", std::move(event), out);
        item = reasoning_item(item_id_, text_);
        break;
      }
      case Open::kText: {
        item = message_item(item_id_, text_, "completed");
        json::object event = here();
        event["text"] = text_;
        event["logprobs"] = json::array();
        add("response.output_text.done", std::move(event), out);
        json::object part = here();
        part["part"] = item.at("content").at(0);
        add("response.content_part.done", std::move(part), out);
        break;
      }
      case Open::kCall:
        add("response.function_call_arguments.done",
            {{"item_id", item_id_},
             {"output_index", output_.size()},
             {"name", call_name_},
             {"arguments", text_}},
            out);
        item = call_item(item_id_, call_id_, call_name_, text_, "completed");
        break;
    }
    add_item("response.output_item.done", item, out);
    output_.push_back(std::move(item));
  }

  Submission& submission_;
  const json::object body_;
  AnswerParser parser_;
  UsageCounts counts_;
  std::optional<FinishReason> reason_;
  json::array output_;
  Open open_ = Open::kNothing;
  std::string item_id_, text_, call_name_, call_id_;
  int64_t num_events_ = 0;
};

Result<ServerRequest> parse_responses(Service& service, const json::object& body) {
  ERNIE_TRY(const json::object chat, to_chat(body));
  ERNIE_TRY(ServerRequest request,
            parse_server_chat(chat, service.options().sampling, service.options().limits));
  ERNIE_TRY_VOID(read_text_format(body, request));
  return request;
}

}  // namespace

Reply handle_responses(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  auto request = parse_responses(service, *body);
  if (!request) return error_reply(request.error());
  auto submission = Submission::create(service, exchange, *std::move(request),
                                       answer_id("resp_", exchange, *body));
  if (!submission) return error_reply(submission.error());
  if (!(*submission)->request().stream) {
    return make_whole_answer(
        *std::move(submission),
        [body = *body](Submission& done, std::vector<GenerationResult> results) {
          return whole_reply(body, done, std::move(results));
        });
  }
  auto writer = std::make_unique<ResponseEvents>(**submission, *body);
  return make_event_answer(*std::move(submission), std::move(writer));
}

Reply handle_stored_response(Service&, Exchange&) {
  return error_reply(
      make_error(ErrorCode::kNotFound, "there is no such response: answers are not stored"));
}

}  // namespace ernie
