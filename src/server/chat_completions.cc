#include <boost/json/array.hpp>

#include "api/openai_json.h"
#include "api/receipt_json.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/chat_answer.h"
#include "server/completions.h"
#include "server/replies.h"

namespace ernie {
namespace {

namespace json = boost::json;

TokenTexts token_texts(const Submission& submission) {
  return {submission.tokenizer(), submission.request().return_tokens_as_token_ids};
}

json::value chat_logprobs(const Submission& submission, const std::vector<TokenLogprob>& logprobs) {
  if (!submission.request().params.logprobs) return nullptr;
  return json::object{{"content", logprobs_content(logprobs, token_texts(submission))}};
}

json::value chat_finish_reason(const Submission& submission, FinishReason reason,
                               size_t num_calls) {
  const ToolChoice::Kind kind = submission.form().forced.kind;
  const bool calls = num_calls > 0 && kind != ToolChoice::Kind::kNamed;
  if (calls && reason == FinishReason::kStop) return "tool_calls";
  return finish_reason_json(reason);
}

json::object call_json(const std::string& id, const ToolCall& call) {
  return {{"id", id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

json::object whole_choice(Submission& submission, size_t index, const GenerationResult& result) {
  const ServerRequest& request = submission.request();
  ChatAnswer answer = parse_chat_answer(submission.form(), result.text, result.finish_reason);
  const std::string content = submission.echoed_text(0) + answer.content;
  json::object message{{"role", "assistant"}, {"content", content}};
  if (!answer.calls.empty() && content.empty() &&
      submission.form().forced.kind != ToolChoice::Kind::kNamed) {
    message["content"] = nullptr;
  }
  if (submission.form().thinks && request.include_reasoning) {
    message["reasoning"] = answer.reasoning;
    message["reasoning_content"] = answer.reasoning;
  }
  if (!answer.calls.empty()) {
    json::array calls;
    for (const ToolCall& call : answer.calls) calls.push_back(call_json(new_call_id(), call));
    message["tool_calls"] = std::move(calls);
  }
  json::object choice{
      {"index", index},
      {"message", std::move(message)},
      {"logprobs", chat_logprobs(submission, result.logprobs)},
      {"finish_reason", chat_finish_reason(submission, result.finish_reason, answer.calls.size())},
      {"stop_reason", stop_reason_json(result.stop_reason, submission.request().params)}};
  if (request.return_token_ids) choice["token_ids"] = ids_json(result.token_ids);
  const json::value receipt = submission.receipt(index, result, result.text);
  if (!receipt.is_null()) choice[kReceiptKey] = receipt;
  return choice;
}

HttpReply whole_reply(Submission& submission, std::vector<GenerationResult> results) {
  const ServerRequest& request = submission.request();
  json::object body = answer_envelope(submission, "chat.completion");
  json::array choices;
  for (size_t i = 0; i < results.size(); ++i) {
    choices.push_back(whole_choice(submission, i, results[i]));
  }
  hoist_receipt(choices, body);
  body["choices"] = std::move(choices);
  const UsageCounts counts = count_usage(submission, results);
  body["usage"] = usage_json(counts);
  if (request.params.prompt_logprobs) {
    body["prompt_logprobs"] = prompt_logprobs_json(
        results.front().prompt_logprobs, *request.params.prompt_logprobs, token_texts(submission));
  }
  if (request.return_token_ids) body["prompt_token_ids"] = ids_json(submission.prompt_ids(0));
  if (request.return_timings) body["timings"] = timings_json(counts, results.front().timings);
  return json_reply(body);
}

class ChatEvents final : public EventWriter {
 public:
  explicit ChatEvents(Submission& submission) : submission_(submission) {
    for (size_t i = 0; i < submission.num_choices(); ++i) {
      choices_.push_back(Choice{AnswerParser(submission.form())});
    }
    counts_.num_prompt_tokens = static_cast<int64_t>(submission.prompt_ids(0).size());
  }

  void begin(std::string& out) override {
    for (size_t i = 0; i < choices_.size(); ++i) {
      const std::string content = submission_.echoed_text(0);
      json::object delta{{"role", "assistant"}, {"content", ""}};
      add_chunk(i, std::move(delta), nullptr, std::nullopt, {}, out);
      if (content.empty()) continue;
      add_chunk(i, {{"content", content}}, nullptr, std::nullopt, {}, out);
    }
  }

  void update(size_t index, const RequestOutput& news, std::string& out) override {
    const ServerRequest& request = submission_.request();
    Choice& choice = choices_[index];
    counts_.num_output_tokens += static_cast<int64_t>(news.token_ids.size());
    if (request.return_receipt) choice.result.append(news);
    AnswerDelta delta = choice.parser.push(news.text);
    if (news.finish_reason) merge(delta, choice.parser.finish());
    if (!request.include_reasoning) delta.reasoning.clear();
    const bool has_logprobs = request.params.logprobs && !news.logprobs.empty();
    if (delta.empty() && !has_logprobs && !news.finish_reason && !request.return_token_ids) return;
    json::object item;
    if (!delta.reasoning.empty()) {
      item["reasoning"] = delta.reasoning;
      item["reasoning_content"] = delta.reasoning;
    }
    if (!delta.content.empty() || delta.empty()) item["content"] = delta.content;
    if (!delta.calls.empty()) item["tool_calls"] = call_deltas(choice, delta.calls);
    const json::value logprobs =
        has_logprobs ? chat_logprobs(submission_, news.logprobs) : json::value();
    json::object more;
    if (request.return_token_ids) more["token_ids"] = ids_json(news.token_ids);
    if (news.finish_reason) note_end(index, choice, news, more);
    add_chunk(index, std::move(item), logprobs, news.finish_reason, std::move(more), out);
  }

  void end(std::string& out) override {
    if (submission_.request().include_usage) {
      json::object body = answer_envelope(submission_, "chat.completion.chunk");
      body["choices"] = json::array();
      body["usage"] = usage_json(counts_);
      if (submission_.request().return_timings) body["timings"] = timings_json(counts_, timings_);
      add_event(body, out);
    }
    out += kDone;
  }

  void fail(const Error& error, std::string& out) override {
    out += "data: " + error_reply(error).body + "\n\n";
    out += kDone;
  }

 private:
  struct Choice {
    AnswerParser parser;
    size_t num_calls = 0;
    GenerationResult result = {};  // for the receipt
  };

  json::array call_deltas(Choice& choice, const std::vector<ToolCall>& calls) {
    const ToolChoice& forced = submission_.form().forced;
    json::array list;
    for (const ToolCall& call : calls) {
      if (!call.name.empty()) {
        json::object item = call_json(new_call_id(), call);
        item["index"] = choice.num_calls++;
        list.push_back(std::move(item));
      } else if (choice.num_calls == 0) {
        json::object item = call_json(new_call_id(), {forced.name, call.arguments});
        item["index"] = 0;
        choice.num_calls = 1;
        list.push_back(std::move(item));
      } else {
        list.push_back(json::object{{"index", 0}, {"function", {{"arguments", call.arguments}}}});
      }
    }
    return list;
  }

  void note_end(size_t index, Choice& choice, const RequestOutput& news, json::object& more) {
    timings_ = news.timings;
    if (index == 0) counts_.num_cached_tokens = news.num_cached_tokens;
    more["stop_reason"] = stop_reason_json(news.stop_reason, submission_.request().params);
    if (!submission_.request().return_receipt) return;
    more[kReceiptKey] = submission_.receipt(index, choice.result, choice.result.text);
  }

  void add_chunk(size_t index, json::object delta, const json::value& logprobs,
                 const std::optional<FinishReason>& reason, json::object more, std::string& out) {
    json::object choice{{"index", index}, {"delta", std::move(delta)}, {"logprobs", logprobs}};
    choice["finish_reason"] =
        reason ? chat_finish_reason(submission_, *reason, choices_[index].num_calls)
               : json::value();
    for (auto& member : more) choice.emplace(member.key(), std::move(member.value()));
    json::object body = answer_envelope(submission_, "chat.completion.chunk");
    json::array choices{std::move(choice)};
    if (submission_.num_choices() == 1) hoist_receipt(choices, body);
    body["choices"] = std::move(choices);
    if (submission_.request().return_token_ids && !sent_prompt_) {
      body["prompt_token_ids"] = ids_json(submission_.prompt_ids(0));
      sent_prompt_ = true;
    }
    if (submission_.request().continuous_usage) body["usage"] = usage_json(counts_);
    add_event(body, out);
  }

  Submission& submission_;
  std::vector<Choice> choices_;
  UsageCounts counts_;
  RequestTimings timings_;
  bool sent_prompt_ = false;
};

}  // namespace

Reply handle_chat_completions(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  auto request = parse_server_chat(*body, service.options().sampling, service.options().limits);
  if (!request) return error_reply(request.error());
  if (service.options().force_usage && request->stream) request->include_usage = true;
  auto submission = Submission::create(service, exchange, *std::move(request),
                                       answer_id("chatcmpl-", exchange, *body));
  if (!submission) return error_reply(submission.error());
  if (!(*submission)->request().stream)
    return make_whole_answer(*std::move(submission), whole_reply);
  auto writer = std::make_unique<ChatEvents>(**submission);
  return make_event_answer(*std::move(submission), std::move(writer));
}

}  // namespace ernie
