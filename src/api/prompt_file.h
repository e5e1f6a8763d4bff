#pragma once

/// The lines of prompts.jsonl and results.jsonl.

#include <optional>
#include <string>
#include <string_view>

#include "api/openai_json.h"
#include "receipt/receipt.h"

namespace ernie {

/// What holds for every line that does not say otherwise.
struct PromptDefaults {
  SamplingParams params;
  bool chat = false;   ///< a line's `prompt` is a user's turn
  std::string system;  ///< with chat: the first message of such a conversation
};

/// One line of prompts.jsonl: `prompt` or `messages`, optionally `id` (a string or an integer) and
/// sampling fields by their API names.
struct PromptLine {
  std::optional<LineId> id;  ///< if the line has one
  std::optional<ApiRequest> request;
  Error error;  ///< without a request: why
};
PromptLine parse_prompt_line(std::string_view text, const PromptDefaults& defaults);

/// A line of results.jsonl. `id`: the row's, or its line number if it has none.
boost::json::object prompt_result(const LineId& id, const SamplingParams& params,
                                  const GenerationResult& result, const Tokenizer* tokenizer,
                                  bool with_token_ids);
/// The same for a row that has no result, as text without the newline.
std::string prompt_error_line(const LineId& id, const Error& error, int64_t line_number);

}  // namespace ernie
