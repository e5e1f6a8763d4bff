#include "server/llama_routes.h"

#include <boost/json/array.hpp>

#include <limits>

#include "api/openai_json.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/generation_answer.h"
#include "server/replies.h"
#include "server/small_routes.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// llama-server's defaults where a request says nothing.
SamplingParams llama_defaults() {
  SamplingParams params;
  params.temperature = 0.8f;
  params.top_k = 40;
  params.top_p = 0.95f;
  params.min_p = 0.05f;
  params.max_tokens = std::numeric_limits<int32_t>::max();
  return params;
}

/// Its names for fields that the other routes have under others.
json::object with_known_names(const json::object& body) {
  json::object renamed = body;
  const auto rename = [&](const char* from, const char* to) {
    const auto it = renamed.find(from);
    if (it == renamed.end()) return;
    if (!renamed.contains(to)) renamed[to] = it->value();
    renamed.erase(from);
  };
  rename("n_predict", "max_tokens");
  rename("n_probs", "logprobs");
  rename("repeat_penalty", "repetition_penalty");
  rename("return_tokens", "return_token_ids");
  rename("grammar", "guided_grammar");
  rename("json_schema", "guided_json");
  const json::value* most = renamed.if_contains("max_tokens");
  if (most != nullptr && *most == -1) renamed.erase("max_tokens");  // no end
  const json::value* seed = renamed.if_contains("seed");
  if (seed != nullptr && *seed == -1) renamed.erase("seed");  // a random one
  const json::value* probs = renamed.if_contains("logprobs");
  if (probs != nullptr && *probs == 0) renamed.erase("logprobs");
  return renamed;
}

json::object stop_fields(const Submission& submission, const RequestOutput& last) {
  const bool is_word = last.finish_reason == FinishReason::kStop && !last.stop_reason.empty() &&
                       stop_reason_json(last.stop_reason, submission.request().params).is_string();
  const bool is_length = last.finish_reason == FinishReason::kLength;
  UsageCounts counts{last.num_prompt_tokens, last.num_cached_tokens, last.num_output_tokens};
  return {{"stop", true},
          {"model", submission.model_name()},
          {"tokens_predicted", last.num_output_tokens},
          {"tokens_evaluated", last.num_prompt_tokens},
          {"tokens_cached", last.num_cached_tokens},
          {"truncated", false},
          {"stop_type", is_length ? "limit"
                        : is_word ? "word"
                                  : "eos"},
          {"stopping_word", is_word ? last.stop_reason : ""},
          {"timings", timings_json(counts, last.timings)}};
}

json::object whole_body(Submission& submission, size_t index, const GenerationResult& result) {
  const ServerRequest& request = submission.request();
  json::object body{
      {"index", index},
      {"content", result.text},
      {"tokens", request.return_token_ids ? ids_json(result.token_ids) : json::array()}};
  if (request.params.logprobs) {
    body["completion_probabilities"] = logprobs_content(result.logprobs, {submission.tokenizer()});
  }
  RequestOutput last;
  last.finish_reason = result.finish_reason;
  last.stop_reason = result.stop_reason;
  last.num_prompt_tokens = result.num_prompt_tokens;
  last.num_output_tokens = result.num_output_tokens;
  last.num_cached_tokens = result.num_cached_tokens;
  last.timings = result.timings;
  for (auto& member : stop_fields(submission, last)) {
    body.emplace(member.key(), std::move(member.value()));
  }
  return body;
}

HttpReply whole_reply(Submission& submission, std::vector<GenerationResult> results) {
  if (results.size() == 1) return json_reply(whole_body(submission, 0, results.front()));
  json::array bodies;
  for (size_t i = 0; i < results.size(); ++i)
    bodies.push_back(whole_body(submission, i, results[i]));
  return json_reply(bodies);
}

class LlamaEvents final : public EventWriter {
 public:
  explicit LlamaEvents(Submission& submission) : submission_(submission) {}

  void update(size_t index, const RequestOutput& news, std::string& out) override {
    if (!news.text.empty() || !news.token_ids.empty()) {
      json::object body{{"index", index},
                        {"content", news.text},
                        {"tokens", ids_json(news.token_ids)},
                        {"stop", false}};
      if (submission_.request().params.logprobs) {
        body["completion_probabilities"] =
            logprobs_content(news.logprobs, {submission_.tokenizer()});
      }
      add_event(body, out);
    }
    if (!news.finish_reason) return;
    json::object body{{"index", index}, {"content", ""}, {"tokens", json::array()}};
    for (auto& member : stop_fields(submission_, news)) {
      body.emplace(member.key(), std::move(member.value()));
    }
    add_event(body, out);
  }
  void end(std::string&) override {}
  void fail(const Error& error, std::string& out) override {
    out += "data: " + error_reply(error).body + "\n\n";
  }

 private:
  Submission& submission_;
};

}  // namespace

Reply handle_llama_completion(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  auto request =
      parse_server_completion(with_known_names(*body), llama_defaults(), service.options().limits);
  if (!request) return error_reply(request.error());
  auto submission = Submission::create(service, exchange, *std::move(request),
                                       answer_id("cmpl-", exchange, *body));
  if (!submission) return error_reply(submission.error());
  if (!(*submission)->request().stream)
    return make_whole_answer(*std::move(submission), whole_reply);
  auto writer = std::make_unique<LlamaEvents>(**submission);
  return make_event_answer(*std::move(submission), std::move(writer));
}

Reply handle_props(Service& service, Exchange&) {
  if (!service.is_loaded()) return error_reply(503, service.ready().error());
  const SamplingParams params = llama_defaults();
  const json::object settings{
      {"n_ctx", service.loop().limits().max_model_len},
      {"params",
       {{"temperature", params.temperature}, {"top_k", params.top_k}, {"top_p", params.top_p}}}};
  return json_reply(json::object{{"default_generation_settings", settings},
                                 {"total_slots", service.loop().options().max_num_seqs},
                                 {"model_path", service.model_name()},
                                 {"model_alias", service.model_name()},
                                 {"chat_template", jinja_chat_template(service)},
                                 {"build_info", "ernie.cpp " ERNIE_VERSION}});
}

Reply handle_slots(Service& service, Exchange&) {
  if (!service.is_loaded()) return error_reply(503, service.ready().error());
  const EngineLoopStatus status = service.loop().status();
  json::array slots;
  for (int64_t i = 0; i < service.loop().options().max_num_seqs; ++i) {
    slots.push_back(json::object{{"id", i},
                                 {"n_ctx", service.loop().limits().max_model_len},
                                 {"is_processing", i < status.engine.num_running}});
  }
  return json_reply(slots);
}

Reply handle_apply_template(Service& service, Exchange& exchange) {
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  const auto request =
      parse_server_chat(*body, service.options().sampling, service.options().limits);
  if (!request) return error_reply(request.error());
  const auto prompt = render_chat(service, *request);
  if (!prompt) return error_reply(prompt.error());
  return json_reply(json::object{{"prompt", prompt->text()}});
}

}  // namespace ernie
