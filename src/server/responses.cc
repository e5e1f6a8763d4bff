#include "server/responses.h"

#include <boost/json/array.hpp>

#include "api/openai_json.h"
#include "json/text.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/chat_answer.h"
#include "server/generation_answer.h"
#include "server/reasoning_counter.h"
#include "server/replies.h"
#include "server/responses_request.h"

namespace ernie {
namespace {

namespace json = boost::json;

json::object responses_usage(const UsageCounts& counts, int64_t num_reasoning_tokens) {
  return {{"input_tokens", counts.num_prompt_tokens},
          {"output_tokens", counts.num_output_tokens},
          {"total_tokens", counts.num_prompt_tokens + counts.num_output_tokens},
          {"input_tokens_details",
           {{"cached_tokens", counts.num_cached_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens_details", {{"reasoning_tokens", num_reasoning_tokens}}}};
}

json::object message_item(const std::string& id, const std::string& text, const char* status,
                          json::array logprobs = {}) {
  return {{"id", id},
          {"type", "message"},
          {"role", "assistant"},
          {"status", status},
          {"content", json::array{json::object{{"type", "output_text"},
                                               {"text", text},
                                               {"annotations", json::array()},
                                               {"logprobs", std::move(logprobs)}}}}};
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

/// The token behind the reasoning; none if the model does not think.
std::optional<TokenId> reasoning_end(const Submission& submission) {
  if (!submission.form().thinks || submission.tokenizer() == nullptr) return std::nullopt;
  return submission.tokenizer()->special_id("</think>");
}

/// Of the tokens behind the reasoning, if the request asked for them.
json::array content_logprobs(const Submission& submission, std::vector<TokenLogprob> logprobs,
                             size_t num_reasoning_tokens) {
  const auto skipped = std::min(num_reasoning_tokens, logprobs.size());
  logprobs.erase(logprobs.begin(), logprobs.begin() + static_cast<std::ptrdiff_t>(skipped));
  return logprobs_content(logprobs, {submission.tokenizer(), false});
}

const char* item_status(const std::optional<FinishReason>& reason) {
  return reason == FinishReason::kStop ? "completed" : "incomplete";
}

/// What the object says of the request, as it was sent.
json::object response_object(const Submission& submission, const json::object& body,
                             const char* status) {
  const ServerRequest& request = submission.request();
  const auto given = [&](const char* name, const json::value& otherwise) {
    const json::value* value = body.if_contains(name);
    return value == nullptr || value->is_null() ? otherwise : *value;
  };
  json::value text = given("text", json::object());
  json::value& format = text.as_object()["format"];
  if (format.is_null()) format = {{"type", "text"}};
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
      {"max_tool_calls", given("max_tool_calls", nullptr)},
      {"metadata", given("metadata", json::object())},
      {"model", submission.model_name()},
      {"output", json::array()},
      {"parallel_tool_calls", given("parallel_tool_calls", true)},
      {"previous_response_id", nullptr},
      {"reasoning", given("reasoning", json::object{{"effort", nullptr}, {"summary", nullptr}})},
      {"service_tier", "auto"},
      {"store", false},
      {"temperature", shortest_decimal(request.params.temperature)},
      {"text", std::move(text)},
      {"tool_choice", given("tool_choice", "auto")},
      {"tools", given("tools", json::array())},
      {"top_logprobs", given("top_logprobs", 0)},
      {"top_p", shortest_decimal(request.params.top_p)},
      {"truncation", given("truncation", "disabled")},
      {"usage", nullptr},
      {"user", given("user", nullptr)}};
}

void set_end(json::object& response, const std::optional<FinishReason>& reason,
             const UsageCounts& counts, int64_t num_reasoning_tokens) {
  response["usage"] = responses_usage(counts, num_reasoning_tokens);
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
  ReasoningCounter reasoning(reasoning_end(submission));
  const size_t num_reasoning = reasoning.push(result.token_ids);
  // What the end cut off is the last item.
  const char* status = item_status(result.finish_reason);
  const bool has_call = !answer.calls.empty() || !answer.cut_arguments.empty();
  json::array output;
  if (!answer.reasoning.empty() && submission.request().include_reasoning) {
    output.push_back(reasoning_item("rs_" + random_id(), answer.reasoning));
  }
  if (!answer.content.empty() || !has_call) {
    output.push_back(message_item("msg_" + random_id(), answer.content,
                                  has_call ? "completed" : status,
                                  content_logprobs(submission, result.logprobs, num_reasoning)));
  }
  for (const ToolCall& call : answer.calls) {
    output.push_back(call_item("fc_" + random_id(), "call_" + random_id(), call.name,
                               call.arguments, "completed"));
  }
  if (!answer.cut_arguments.empty()) {
    output.push_back(call_item("fc_" + random_id(), "call_" + random_id(),
                               submission.form().forced.name, answer.cut_arguments, status));
  }
  response["output"] = std::move(output);
  set_end(response, result.finish_reason, count_usage(submission, results), reasoning.num_tokens());
  return json_reply(response);
}

/// One item is open at a time; what it holds is kept until it is done.
class ResponseEvents final : public EventWriter {
 public:
  ResponseEvents(Submission& submission, json::object body)
      : submission_(submission),
        body_(std::move(body)),
        parser_(submission.form()),
        reasoning_(reasoning_end(submission)) {
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
    json::array logprobs =
        content_logprobs(submission_, news.logprobs, reasoning_.push(news.token_ids));
    new_logprobs_.insert(new_logprobs_.end(), logprobs.begin(), logprobs.end());
    if (!submission_.request().include_reasoning) delta.reasoning.clear();
    if (!delta.reasoning.empty()) add_reasoning(delta.reasoning, out);
    if (!delta.content.empty()) add_text(delta.content, out);
    for (const ToolCall& call : delta.calls) add_call(call, out);
    if (!news.finish_reason) return;
    counts_.num_cached_tokens = news.num_cached_tokens;
    reason_ = news.finish_reason;
  }

  void end(std::string& out) override {
    if (output_.empty() && open_ == Open::kNothing) open_text(out);
    if (open_ == Open::kText && !new_logprobs_.empty()) add_text("", out);
    close(out, item_status(reason_));
    json::object response = response_object(submission_, body_, "completed");
    response["output"] = std::move(output_);
    set_end(response, reason_, counts_, reasoning_.num_tokens());
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
    logprobs_.clear();
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
    logprobs_.insert(logprobs_.end(), new_logprobs_.begin(), new_logprobs_.end());
    json::object event = here();
    event["delta"] = text;
    event["logprobs"] = std::exchange(new_logprobs_, {});
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

  void close(std::string& out, const char* status = "completed") {
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
        item = message_item(item_id_, text_, status, logprobs_);
        json::object event = here();
        event["text"] = text_;
        event["logprobs"] = logprobs_;
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
        item = call_item(item_id_, call_id_, call_name_, text_, status);
        break;
    }
    add_item("response.output_item.done", item, out);
    output_.push_back(std::move(item));
  }

  Submission& submission_;
  const json::object body_;
  AnswerParser parser_;
  ReasoningCounter reasoning_;
  UsageCounts counts_;
  std::optional<FinishReason> reason_;
  json::array output_;
  json::array logprobs_, new_logprobs_;  // of the open text; not sent yet
  Open open_ = Open::kNothing;
  std::string item_id_, text_, call_name_, call_id_;
  int64_t num_events_ = 0;
};

}  // namespace

Reply handle_responses(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  auto request = parse_responses(*body, service.options().sampling, service.options().limits,
                                 service.loop().limits().max_model_len);
  if (!request) return error_reply(request.error());
  auto submission = Submission::create(service, exchange, *std::move(request),
                                       answer_id("resp_", exchange, *body));
  if (!submission) return error_reply(as_responses_error(submission.error()));
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
