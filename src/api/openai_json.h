#pragma once

/// The bodies of /v1/completions and /v1/chat/completions: from JSON to the engine's structs, and
/// results back to JSON.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/token_texts.h"
#include "base/result.h"
#include "engine/generation_result.h"
#include "engine/user_prompt.h"
#include "json/fields.h"

namespace ernie {

/// A request of the OpenAI API, before tokenisation. Types are checked; ranges are checked where
/// they belong, by the engine's `validate`.
struct ApiRequest {
  std::string model;  ///< empty: whichever there is
  UserPrompt prompt;
  bool echo = false;  ///< completions: the prompt stands before the text, also in the logprobs
  bool has_seed = false;
  SamplingParams params;
};

/// An error names the field first. Unknown fields are errors: one that were ignored would be a
/// setting that silently does nothing.
Result<ApiRequest> parse_completion_body(const boost::json::object& body);
/// Without max_tokens the answer may fill the context.
Result<ApiRequest> parse_chat_body(const boost::json::object& body);

/// The sampling fields that both bodies and prompt files share, over the values already there.
void read_sampling_fields(JsonFields& fields, SamplingParams& params, bool& has_seed);
/// `prompt`: a string, a list of token ids, or a list of exactly one of these.
void read_prompt(JsonFields& fields, UserPrompt& prompt);
/// `messages`, if present.
void read_messages(JsonFields& fields, UserPrompt& prompt);

/// Tokenises, and asks for the log-probabilities of a prompt whose echo shows them.
Result<GenerationRequest> to_generation_request(const ApiRequest& request,
                                                const Tokenizer* tokenizer, ChatTemplateKind kind);

/// What a response says besides the result.
struct ResponseContext {
  std::string id;
  std::string model;
  int64_t created = 0;                   ///< seconds since 1970
  std::vector<TokenId> prompt_ids;       ///< needed for echo only
  const Tokenizer* tokenizer = nullptr;  ///< for the text of tokens in logprobs; null: their ids
};

/// A text_completion object.
boost::json::object completion_body(const ApiRequest& request, const GenerationResult& result,
                                    const ResponseContext& context);
/// A chat.completion object.
boost::json::object chat_body(const ApiRequest& request, const GenerationResult& result,
                              const ResponseContext& context);

/// The text of a body made by either of them.
std::string_view answer_text(const boost::json::object& body);

/// The log-probabilities of tokens as the chat API shows them:
/// [{token, logprob, bytes, top_logprobs}].
boost::json::array logprobs_content(const std::vector<TokenLogprob>& logprobs,
                                    const TokenTexts& texts);
/// [null, {"<id>": {logprob, rank, decoded_token}}, …]: one entry per prompt token, each with the
/// token itself and the num_top likeliest.
boost::json::array prompt_logprobs_json(const std::vector<TokenLogprob>& logprobs, int32_t num_top,
                                        const TokenTexts& texts);

/// 404 for kNotFound, 500 for what is no fault of the request, else 400.
int http_status(const Error& error);
/// {"message", "type", "param", "code"}
boost::json::object error_object(const Error& error);

}  // namespace ernie
