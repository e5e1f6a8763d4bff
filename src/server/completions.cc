#include "server/completions.h"

#include "api/legacy_logprobs.h"
#include "api/openai_json.h"
#include "api/receipt_json.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/replies.h"

namespace ernie {
namespace {

namespace json = boost::json;

TokenTexts token_texts(const Submission& submission) {
  return {submission.tokenizer(), submission.request().return_tokens_as_token_ids};
}

LegacyLogprobs start_logprobs(const Submission& submission) {
  const SamplingParams& params = submission.request().params;
  return LegacyLogprobs(params.logprobs.value_or(0), params.skip_special_tokens,
                        token_texts(submission));
}

void add_prompt(const std::vector<TokenId>& ids, const std::vector<TokenLogprob>& logprobs,
                LegacyLogprobs& lists) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool known = i > 0 && i <= logprobs.size();
    lists.add(ids[i], known ? &logprobs[i - 1] : nullptr);
  }
}

json::object whole_choice(Submission& submission, size_t index, const GenerationResult& result) {
  const ServerRequest& request = submission.request();
  const size_t prompt = submission.prompt_of(index);
  const std::string text = submission.echoed_text(prompt) + result.text;
  json::object choice{{"index", index}, {"text", text}, {"logprobs", nullptr}};
  if (request.params.logprobs) {
    LegacyLogprobs lists = start_logprobs(submission);
    if (request.echo) add_prompt(submission.prompt_ids(prompt), result.prompt_logprobs, lists);
    for (const TokenLogprob& token : result.logprobs) lists.add(token.token_id, &token);
    choice["logprobs"] = lists.take();
  }
  choice["finish_reason"] = finish_reason_json(result.finish_reason);
  choice["stop_reason"] = stop_reason_json(result.stop_reason, request.params);
  if (request.params.prompt_logprobs) {
    choice["prompt_logprobs"] = prompt_logprobs_json(
        result.prompt_logprobs, *request.params.prompt_logprobs, token_texts(submission));
  }
  if (request.return_token_ids) {
    choice["token_ids"] = ids_json(result.token_ids);
    choice["prompt_token_ids"] = ids_json(submission.prompt_ids(prompt));
  }
  const json::value receipt = submission.receipt(index, result, text);
  if (!receipt.is_null()) choice[kReceiptKey] = receipt;
  return choice;
}

HttpReply whole_reply(Submission& submission, std::vector<GenerationResult> results) {
  json::object body = answer_envelope(submission, "text_completion");
  json::array choices;
  for (size_t i = 0; i < results.size(); ++i) {
    choices.push_back(whole_choice(submission, i, results[i]));
  }
  hoist_receipt(choices, body);
  body["choices"] = std::move(choices);
  const UsageCounts counts = count_usage(submission, results);
  body["usage"] = usage_json(counts);
  if (submission.request().return_timings) {
    body["timings"] = timings_json(counts, results.front().timings);
  }
  return json_reply(body);
}

class CompletionEvents final : public EventWriter {
 public:
  explicit CompletionEvents(Submission& submission)
      : submission_(submission), choices_(submission.num_choices()) {
    for (size_t i = 0; i < choices_.size(); ++i) choices_[i].logprobs = start_logprobs(submission);
    for (size_t i = 0; i < submission.num_prompts(); ++i) {
      counts_.num_prompt_tokens += static_cast<int64_t>(submission.prompt_ids(i).size());
    }
  }

  void update(size_t index, const RequestOutput& news, std::string& out) override {
    const ServerRequest& request = submission_.request();
    Choice& choice = choices_[index];
    counts_.num_output_tokens += static_cast<int64_t>(news.token_ids.size());
    const size_t prompt = submission_.prompt_of(index);
    std::string text = news.text;
    if (request.echo && !choice.has_begun) text.insert(0, submission_.echoed_text(prompt));
    if (request.params.logprobs) {
      if (request.echo && !choice.has_begun) {
        add_prompt(submission_.prompt_ids(prompt), news.prompt_logprobs, choice.logprobs);
      }
      for (const TokenLogprob& token : news.logprobs) choice.logprobs.add(token.token_id, &token);
    }
    const bool says_something = !text.empty() || news.finish_reason || request.return_token_ids ||
                                (request.params.logprobs && !news.logprobs.empty());
    keep(choice, news, text);
    if (!says_something) return;
    json::object item{{"index", index}, {"text", text}, {"logprobs", nullptr}};
    if (request.params.logprobs) item["logprobs"] = choice.logprobs.take();
    item["finish_reason"] = finish_reason_json(news.finish_reason);
    item["stop_reason"] = stop_reason_json(news.stop_reason, request.params);
    if (request.return_token_ids) {
      item["token_ids"] = ids_json(news.token_ids);
      if (!choice.has_begun) item["prompt_token_ids"] = ids_json(submission_.prompt_ids(prompt));
    }
    choice.has_begun = true;
    if (news.finish_reason) add_end(index, choice, news, item);
    add_chunk(json::array{std::move(item)}, out);
  }

  void end(std::string& out) override {
    if (submission_.request().include_usage) {
      json::object body = answer_envelope(submission_, "text_completion");
      body["choices"] = json::array();
      body["usage"] = usage_json(counts_);
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
    LegacyLogprobs logprobs{0, true, {}};
    bool has_begun = false;
    GenerationResult result;  // for the receipt
    std::string text;
  };

  void keep(Choice& choice, const RequestOutput& news, const std::string& text) {
    if (!submission_.request().return_receipt) return;
    choice.result.append(news);
    choice.text += text;
  }

  void add_end(size_t index, Choice& choice, const RequestOutput& news, json::object& item) {
    const auto n = static_cast<size_t>(submission_.request().n);
    if (index % n == 0) counts_.num_cached_tokens += news.num_cached_tokens;
    timings_ = news.timings;
    if (!submission_.request().return_receipt) return;
    item[kReceiptKey] = submission_.receipt(index, choice.result, choice.text);
  }

  void add_chunk(json::array choices, std::string& out) {
    json::object body = answer_envelope(submission_, "text_completion");
    if (submission_.num_choices() == 1) hoist_receipt(choices, body);
    body["choices"] = std::move(choices);
    if (submission_.request().continuous_usage) body["usage"] = usage_json(counts_);
    add_event(body, out);
  }

  Submission& submission_;
  std::vector<Choice> choices_;
  UsageCounts counts_;
  RequestTimings timings_;
};

}  // namespace

Reply handle_completions(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  auto request =
      parse_server_completion(*body, service.options().sampling, service.options().limits);
  if (!request) return error_reply(request.error());
  if (service.options().force_usage && request->stream) request->include_usage = true;
  auto submission = Submission::create(service, exchange, *std::move(request),
                                       answer_id("cmpl-", exchange, *body));
  if (!submission) return error_reply(submission.error());
  if (!(*submission)->request().stream)
    return make_whole_answer(*std::move(submission), whole_reply);
  auto writer = std::make_unique<CompletionEvents>(**submission);
  return make_event_answer(*std::move(submission), std::move(writer));
}

}  // namespace ernie
