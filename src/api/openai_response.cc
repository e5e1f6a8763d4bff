#include <algorithm>
#include <cmath>
#include <span>

#include "api/openai_json.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// JSON has no infinity; a probability of zero is written as the APIs do.
double finite_logprob(float logprob) {
  return std::isfinite(logprob) ? shortest_decimal(logprob) : -9999.0;
}

std::span<const TokenLogprob::Top> first_top(const TokenLogprob& token, int32_t count) {
  return std::span(token.top).first(std::min(token.top.size(), static_cast<size_t>(count)));
}

/// Text that can stand in JSON; U+FFFD where a token is only a part of a character.
std::string token_text(TokenId id, const Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return fmt::format("token_id:{}", id);
  return tokenizer->decode(std::span(&id, 1), /*keep_special=*/true);
}

/// The same where texts are keys: a part of a character is shown by its bytes, so that two of them
/// stay two.
std::string token_key(TokenId id, const Tokenizer* tokenizer) {
  std::string text = token_text(id, tokenizer);
  if (tokenizer == nullptr || text == tokenizer->token_bytes(id)) return text;
  std::string key = "bytes:";
  for (const char byte : tokenizer->token_bytes(id)) {
    key += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
  return key;
}

size_t num_characters(std::string_view bytes) {
  return static_cast<size_t>(std::count_if(bytes.begin(), bytes.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0u) != 0x80u;
  }));
}

/// The four parallel lists of the completions API.
class LegacyLogprobs {
 public:
  LegacyLogprobs(int32_t num_top, bool skip_special, const Tokenizer* tokenizer)
      : num_top_(num_top), skip_special_(skip_special), tokenizer_(tokenizer) {}

  void add(TokenId id, const TokenLogprob* logprob) {
    tokens_.emplace_back(token_key(id, tokenizer_));
    offsets_.emplace_back(offset_);
    if (tokenizer_ != nullptr && !(skip_special_ && tokenizer_->is_special(id))) {
      offset_ += num_characters(tokenizer_->token_bytes(id));
    }
    if (logprob == nullptr) {
      logprobs_.emplace_back(nullptr);
      top_.emplace_back(nullptr);
      return;
    }
    logprobs_.emplace_back(finite_logprob(logprob->logprob));
    json::object top;
    top.emplace(token_key(id, tokenizer_), finite_logprob(logprob->logprob));
    for (const auto& [top_id, top_logprob] : first_top(*logprob, num_top_)) {
      top.emplace(token_key(top_id, tokenizer_), finite_logprob(top_logprob));
    }
    top_.emplace_back(std::move(top));
  }

  json::object take() {
    return {{"tokens", std::move(tokens_)},
            {"token_logprobs", std::move(logprobs_)},
            {"top_logprobs", std::move(top_)},
            {"text_offset", std::move(offsets_)}};
  }

 private:
  int32_t num_top_;
  bool skip_special_;
  const Tokenizer* tokenizer_;
  size_t offset_ = 0;
  json::array tokens_, logprobs_, top_, offsets_;
};

json::value legacy_logprobs(const ApiRequest& request, const GenerationResult& result,
                            const ResponseContext& context) {
  if (!request.params.logprobs) return nullptr;
  LegacyLogprobs lists(*request.params.logprobs, request.params.skip_special_tokens,
                       context.tokenizer);
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
        result.prompt_logprobs, *request.params.prompt_logprobs, context.tokenizer);
  }
  return envelope("text_completion", context, std::move(choice), result);
}

json::object chat_body(const ApiRequest& request, const GenerationResult& result,
                       const ResponseContext& context) {
  json::value logprobs;
  if (request.params.logprobs) {
    logprobs = json::object{{"content", logprobs_content(result.logprobs, context.tokenizer)}};
  }
  json::object choice{{"index", 0},
                      {"message", {{"role", "assistant"}, {"content", result.text}}},
                      {"logprobs", std::move(logprobs)},
                      {"finish_reason", boost_view(finish_reason(result))},
                      {"stop_reason", stop_reason(result)}};
  json::object body = envelope("chat.completion", context, std::move(choice), result);
  if (request.params.prompt_logprobs) {
    body["prompt_logprobs"] = prompt_logprobs_json(
        result.prompt_logprobs, *request.params.prompt_logprobs, context.tokenizer);
  }
  return body;
}

std::string_view answer_text(const json::object& body) {
  const json::object& choice = body.at("choices").at(0).as_object();
  const json::value* message = choice.if_contains("message");
  return message == nullptr ? choice.at("text").as_string() : message->at("content").as_string();
}

json::array logprobs_content(const std::vector<TokenLogprob>& logprobs,
                             const Tokenizer* tokenizer) {
  const auto entry = [tokenizer](TokenId id, float logprob) {
    json::array bytes;
    const auto text = tokenizer == nullptr ? std::string_view() : tokenizer->token_bytes(id);
    for (const char byte : text) bytes.emplace_back(static_cast<unsigned char>(byte));
    return json::object{{"token", token_text(id, tokenizer)},
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
                                 const Tokenizer* tokenizer) {
  const auto entry = [tokenizer](TokenId id, float logprob, int32_t rank) {
    return json::object{{"logprob", finite_logprob(logprob)},
                        {"rank", rank},
                        {"decoded_token", token_text(id, tokenizer)}};
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
