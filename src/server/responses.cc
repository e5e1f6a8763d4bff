#include "server/responses.h"

#include <boost/json/array.hpp>

#include "json/text.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/chat_answer.h"
#include "server/generation_answer.h"
#include "server/replies.h"
#include "server/responses_request.h"

namespace ernie {
namespace {

namespace json = boost::json;

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

}  // namespace

Reply handle_responses(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  auto request = parse_responses(*body, service.options().sampling, service.options().limits);
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
