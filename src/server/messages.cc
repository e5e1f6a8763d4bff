#include "server/messages.h"

#include <boost/json/array.hpp>

#include "json/parse.h"
#include "json/text.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/chat_answer.h"
#include "server/generation_answer.h"
#include "server/messages_request.h"
#include "server/replies.h"

namespace ernie {
namespace {

namespace json = boost::json;

HttpReply messages_error(const HttpReply& reply) {
  // The same status and text in this API's form.
  const auto body = parse_json(reply.body);
  const json::value& error = body->at("error");
  const char* type = reply.status == 401   ? "authentication_error"
                     : reply.status == 404 ? "not_found_error"
                     : reply.status == 413 ? "request_too_large"
                     : reply.status == 429 ? "rate_limit_error"
                     : reply.status == 503 ? "overloaded_error"
                     : reply.status < 500  ? "invalid_request_error"
                                           : "api_error";
  HttpReply mapped =
      json_reply(json::object{{"type", "error"},
                              {"error", {{"type", type}, {"message", error.at("message")}}}},
                 reply.status);
  mapped.headers = reply.headers;
  return mapped;
}

HttpReply messages_error(const Error& error) {
  return messages_error(error_reply(as_messages_error(error)));
}

/// stop_reason and stop_sequence. `calls`: whether there are any, all of them whole.
json::object message_end(const std::optional<FinishReason>& reason, const std::string& stop,
                         const SamplingParams& params, bool calls) {
  const json::value sequence = stop_reason_json(stop, params);
  json::object end{{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}};
  if (reason == FinishReason::kLength) {
    end["stop_reason"] = "max_tokens";
  } else if (calls) {
    end["stop_reason"] = "tool_use";
  } else if (sequence.is_string()) {
    end["stop_reason"] = "stop_sequence";
    end["stop_sequence"] = sequence;
  }
  return end;
}

json::object messages_usage(const UsageCounts& counts) {
  return {{"input_tokens", counts.num_prompt_tokens - counts.num_cached_tokens},
          {"output_tokens", counts.num_output_tokens},
          {"cache_read_input_tokens", counts.num_cached_tokens},
          {"cache_creation_input_tokens", 0}};
}

/// Nothing for a call that a stop sequence cut off: a client must not run it.
std::optional<json::object> parsed_arguments(const std::string& text) {
  auto value = parse_json(text);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

std::string message_call_id() { return "toolu_" + random_id(); }

HttpReply whole_reply(Submission& submission, std::vector<GenerationResult> results) {
  const GenerationResult& result = results.front();
  const SamplingParams& params = submission.request().params;
  ChatAnswer answer = parse_chat_answer(submission.form(), result.text, result.finish_reason);
  json::array content, calls;
  for (const ToolCall& call : answer.calls) {
    auto input = parsed_arguments(call.arguments);
    if (!input) continue;
    calls.push_back(json::object{{"type", "tool_use"},
                                 {"id", message_call_id()},
                                 {"name", call.name},
                                 {"input", *std::move(input)}});
  }
  if (!answer.reasoning.empty()) {
    content.push_back(
        json::object{{"type", "thinking"}, {"thinking", answer.reasoning}, {"signature", ""}});
  }
  if (!answer.content.empty() || calls.empty()) {
    content.push_back(json::object{{"type", "text"}, {"text", answer.content}});
  }
  const json::object end =
      message_end(result.finish_reason, result.stop_reason, params, !calls.empty());
  content.insert(content.end(), calls.begin(), calls.end());
  return json_reply(json::object{{"id", submission.id()},
                                 {"type", "message"},
                                 {"role", "assistant"},
                                 {"content", std::move(content)},
                                 {"model", submission.model_name()},
                                 {"stop_reason", end.at("stop_reason")},
                                 {"stop_sequence", end.at("stop_sequence")},
                                 {"usage", messages_usage(count_usage(submission, results))}});
}

/// Content comes in blocks, one open at a time.
class MessageEvents final : public EventWriter {
 public:
  explicit MessageEvents(Submission& submission)
      : submission_(submission), parser_(submission.form()) {
    counts_.num_prompt_tokens = static_cast<int64_t>(submission.prompt_ids(0).size());
  }

  void begin(std::string& out) override {
    json::object message{{"id", submission_.id()},
                         {"type", "message"},
                         {"role", "assistant"},
                         {"content", json::array()},
                         {"model", submission_.model_name()},
                         {"stop_reason", nullptr},
                         {"stop_sequence", nullptr},
                         {"usage", messages_usage(counts_)}};
    add({{"type", "message_start"}, {"message", std::move(message)}}, out);
  }

  void update(size_t, const RequestOutput& news, std::string& out) override {
    counts_.num_output_tokens += static_cast<int64_t>(news.token_ids.size());
    AnswerDelta delta = parser_.push(news.text);
    if (news.finish_reason) merge(delta, parser_.finish());
    if (!delta.reasoning.empty()) {
      open("thinking", {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, out);
      add_delta({{"type", "thinking_delta"}, {"thinking", delta.reasoning}}, out);
    }
    if (!delta.content.empty()) {
      open("text", {{"type", "text"}, {"text", ""}}, out);
      add_delta({{"type", "text_delta"}, {"text", delta.content}}, out);
    }
    for (const ToolCall& call : delta.calls) add_call(call, out);
    if (!news.finish_reason) return;
    counts_.num_cached_tokens = news.num_cached_tokens;
    reason_ = news.finish_reason;
    stop_ = news.stop_reason;
  }

  void end(std::string& out) override {
    if (num_blocks_ == 0) open("text", {{"type", "text"}, {"text", ""}}, out);
    close(out);
    const SamplingParams& params = submission_.request().params;
    const bool calls = num_calls_ > 0 && parsed_arguments(arguments_).has_value();
    add({{"type", "message_delta"},
         {"delta", message_end(reason_, stop_, params, calls)},
         {"usage", messages_usage(counts_)}},
        out);
    add({{"type", "message_stop"}}, out);
  }

  void fail(const Error& error, std::string& out) override {
    out += "event: error\ndata: " + messages_error(error).body + "\n\n";
  }

 private:
  void add(const json::object& event, std::string& out) {
    const json::string& name = event.at("type").as_string();
    add_named_event({name.data(), name.size()}, event, out);
  }
  void open(const std::string& kind, json::object block, std::string& out) {
    if (open_ == kind) return;
    close(out);
    open_ = kind;
    add({{"type", "content_block_start"},
         {"index", num_blocks_++},
         {"content_block", std::move(block)}},
        out);
  }
  void close(std::string& out) {
    if (open_.empty()) return;
    open_.clear();
    add({{"type", "content_block_stop"}, {"index", num_blocks_ - 1}}, out);
  }
  void add_delta(json::object delta, std::string& out) {
    add({{"type", "content_block_delta"}, {"index", num_blocks_ - 1}, {"delta", std::move(delta)}},
        out);
  }
  void add_call(const ToolCall& call, std::string& out) {
    const bool goes_on = call.name.empty() && num_calls_ > 0;
    if (!goes_on) {
      ++num_calls_;
      arguments_.clear();
      const std::string name = call.name.empty() ? submission_.form().forced.name : call.name;
      open(fmt::format("call {}", num_calls_),
           {{"type", "tool_use"},
            {"id", message_call_id()},
            {"name", name},
            {"input", json::object()}},
           out);
    }
    arguments_ += call.arguments;
    add_delta({{"type", "input_json_delta"}, {"partial_json", call.arguments}}, out);
  }

  Submission& submission_;
  AnswerParser parser_;
  UsageCounts counts_;
  int64_t num_blocks_ = 0, num_calls_ = 0;
  std::string open_, arguments_;  // what is open; of the last call
  std::optional<FinishReason> reason_;
  std::string stop_;
};

}  // namespace

Reply handle_messages(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return messages_error(body.error());
  auto request = parse_messages(*body, service.options().sampling, service.options().limits,
                                /*needs_max_tokens=*/true);
  if (!request) return messages_error(request.error());
  auto submission = Submission::create(service, exchange, *std::move(request),
                                       answer_id("msg_", exchange, *body));
  if (!submission) return messages_error(submission.error());
  if (!(*submission)->request().stream)
    return make_whole_answer(*std::move(submission), whole_reply);
  auto writer = std::make_unique<MessageEvents>(**submission);
  return make_event_answer(*std::move(submission), std::move(writer));
}

Reply handle_count_tokens(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return messages_error(body.error());
  const auto request = parse_messages(*body, service.options().sampling, service.options().limits,
                                      /*needs_max_tokens=*/false);
  if (!request) return messages_error(request.error());
  if (const auto known = service.check_model(request->model); !known) {
    return messages_error(known.error());
  }
  if (service.tokenizer() == nullptr) {
    return messages_error(
        make_error(ErrorCode::kUnsupported, "the model was loaded without a tokenizer"));
  }
  const auto prompt = render_chat(service, *request);
  if (!prompt) return messages_error(prompt.error());
  const auto ids = prompt->encode(*service.tokenizer());
  if (!ids) return messages_error(ids.error());
  return json_reply(json::object{{"input_tokens", ids->size()}});
}

}  // namespace ernie
