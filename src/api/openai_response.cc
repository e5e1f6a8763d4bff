#include <algorithm>
#include <cmath>
#include <span>

#include "api/legacy_logprobs.h"
#include "api/openai_json.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

json::value legacy_logprobs(const ApiRequest& request, const GenerationResult& result,
                            const ResponseContext& context) {
  if (!request.params.logprobs) return nullptr;
  LegacyLogprobs lists(*request.params.logprobs, request.params.skip_special_tokens,
                       {context.tokenizer});
  if (request.echo) {
    for (size_t i = 0; i < context.prompt_ids.size(); ++i) {
      const bool known = i > 0 && i <= result.prompt_logprobs.size();
      lists.add(context.prompt_ids[i], known ? &result.prompt_logprobs[i - 1] : nullptr);
    }
  }
  for (const TokenLogprob& token : result.logprobs) lists.add(token.token_id, &token);
  return lists.take();
}

std::string echoed_prompt(const ApiRequest& request, const ResponseContext& context) {
  if (!request.echo) return "";
  if (const auto* text = std::get_if<std::string>(&request.prompt)) return *text;
  if (context.tokenizer == nullptr) return "";
  return context.tokenizer->decode(context.prompt_ids, !request.params.skip_special_tokens);
}

json::value stop_reason(const GenerationResult& result) {
  if (result.stop_reason.empty()) return nullptr;
  return json::value(result.stop_reason);
}

json::object usage(const GenerationResult& result) {
  return {{"prompt_tokens", result.num_prompt_tokens},
          {"completion_tokens", result.num_output_tokens},
          {"total_tokens", result.num_prompt_tokens + result.num_output_tokens}};
}

json::object envelope(const char* object, const ResponseContext& context, json::object choice,
                      const GenerationResult& result) {
  return {{"id", context.id},
          {"object", object},
          {"created", context.created},
          {"model", context.model},
          {"choices", json::array{std::move(choice)}},
          {"usage", usage(result)}};
}

std::string_view finish_reason(const GenerationResult& result) {
  return finish_reason_name(result.finish_reason);
}

json::string_view boost_view(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

json::object completion_body(const ApiRequest& request, const GenerationResult& result,
                             const ResponseContext& context) {
  json::object choice{{"index", 0},
                      {"text", echoed_prompt(request, context) + result.text},
                      {"logprobs", legacy_logprobs(request, result, context)},
                      {"finish_reason", boost_view(finish_reason(result))},
                      {"stop_reason", stop_reason(result)}};
  if (request.params.prompt_logprobs) {
    choice["prompt_logprobs"] = prompt_logprobs_json(
        result.prompt_logprobs, *request.params.prompt_logprobs, {context.tokenizer});
  }
  return envelope("text_completion", context, std::move(choice), result);
}

json::object chat_body(const ApiRequest& request, const GenerationResult& result,
                       const ResponseContext& context) {
  json::value logprobs;
  if (request.params.logprobs) {
    logprobs = json::object{{"content", logprobs_content(result.logprobs, {context.tokenizer})}};
  }
  json::object choice{{"index", 0},
                      {"message", {{"role", "assistant"}, {"content", result.text}}},
                      {"logprobs", std::move(logprobs)},
                      {"finish_reason", boost_view(finish_reason(result))},
                      {"stop_reason", stop_reason(result)}};
  json::object body = envelope("chat.completion", context, std::move(choice), result);
  if (request.params.prompt_logprobs) {
    body["prompt_logprobs"] = prompt_logprobs_json(
        result.prompt_logprobs, *request.params.prompt_logprobs, {context.tokenizer});
  }
  return body;
}

std::string_view answer_text(const json::object& body) {
  const json::object& choice = body.at("choices").at(0).as_object();
  const json::value* message = choice.if_contains("message");
  return message == nullptr ? choice.at("text").as_string() : message->at("content").as_string();
}

json::array logprobs_content(const std::vector<TokenLogprob>& logprobs, const TokenTexts& texts) {
  const auto entry = [&texts](TokenId id, float logprob) {
    json::array bytes;
    for (const char byte : texts.bytes(id)) bytes.emplace_back(static_cast<unsigned char>(byte));
    return json::object{{"token", texts.text(id)},
                        {"logprob", finite_logprob(logprob)},
                        {"bytes", std::move(bytes)}};
  };
  json::array content;
  for (const TokenLogprob& token : logprobs) {
    json::array top;
    for (const auto& [id, logprob] : token.top) top.push_back(entry(id, logprob));
    json::object object = entry(token.token_id, token.logprob);
    object["top_logprobs"] = std::move(top);
    content.push_back(std::move(object));
  }
  return content;
}

json::array prompt_logprobs_json(const std::vector<TokenLogprob>& logprobs, int32_t num_top,
                                 const TokenTexts& texts) {
  const auto entry = [&texts](TokenId id, float logprob, int32_t rank) {
    return json::object{
        {"logprob", finite_logprob(logprob)}, {"rank", rank}, {"decoded_token", texts.text(id)}};
  };
  json::array list{nullptr};
  for (const TokenLogprob& token : logprobs) {
    json::object by_id;
    by_id.emplace(fmt::to_string(token.token_id), entry(token.token_id, token.logprob, token.rank));
    int32_t rank = 0;
    for (const auto& [id, logprob] : first_top(token, num_top)) {
      by_id.emplace(fmt::to_string(id), entry(id, logprob, ++rank));
    }
    list.push_back(std::move(by_id));
  }
  return list;
}

int http_status(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kQueueFull:
      return 429;
    case ErrorCode::kShuttingDown:
    case ErrorCode::kDeviceLost:
      return 503;
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
    case ErrorCode::kOutOfMemory:
    case ErrorCode::kCancelled:
      return 500;
    default:
      return 400;
  }
}

json::object error_object(const Error& error) {
  const int status = http_status(error);
  const char* type = status == 400   ? "BadRequestError"
                     : status == 404 ? "NotFoundError"
                     : status == 429 ? "RateLimitError"
                     : status == 503 ? "ServiceUnavailableError"
                                     : "InternalServerError";
  return {{"message", error.message},
          {"type", type},
          {"param", error.field.empty() ? json::value(nullptr) : json::value(error.field)},
          {"code", status}};
}

}  // namespace ernie
