#pragma once

/// Where a receipt departs from its line, from this model, from the job's input, and from what was
/// computed again.

#include <string>
#include <vector>

#include "api/result_line.h"
#include "receipt/model_manifest.h"
#include "text/chat_template.h"

namespace ernie {

struct Finding {
  std::string what;  ///< departs, without which one: "token", "choices", "top_k"; "": the line
  std::string text;  ///< one phrase, which begins with it
};
using Findings = std::vector<Finding>;

/// "WHAT: " and the text.
template <typename... Args>
Finding departs(std::string what, fmt::format_string<Args...> format, Args&&... args) {
  std::string text = what + ": " + fmt::format(format, std::forward<Args>(args)...);
  return {std::move(what), std::move(text)};
}

/// What an error says of the line that it came from.
Finding finding_of(const Error& error);
/// "a; b"
std::string joined(const Findings& findings);

/// What the verifying process has of its own.
struct OwnModel {
  Receipt common;  ///< model, tokenizer, numerics
  ModelManifest manifest;
  std::optional<ModelManifest> recorded;  ///< of the file beside the results
};

/// Without computing: the receipt with itself, with its line, with the model.
Findings check_receipt(const ResultLine& line, const OwnModel& own);

/// What to generate so that the answer can be compared: one token more than there are, if the
/// request allows it. Error: the parameters have no meaning.
Result<GenerationRequest> repeated_request(const ResultLine& line);

/// The receipt and the line against what was computed again. `prompt`: of the job's input, for an
/// answer that repeats it; null: unknown.
Findings check_answer(const ResultLine& line, const GenerationResult& result,
                      const std::vector<TokenRecord>& tokens, const UserPrompt* prompt,
                      const Tokenizer* tokenizer);

/// How a line of a job's input becomes a request.
struct InputRules {
  bool chat = false;   ///< of a prompt file: `prompt` is a user's turn
  std::string system;  ///< with chat
  const Tokenizer* tokenizer = nullptr;
  ChatTemplateKind chat_template = ChatTemplateKind::kErnie45;
};

/// The receipt against the input line that its answer is for. Sets `prompt` if there is one.
Findings check_input(const ResultLine& line, std::string_view input, const InputRules& rules,
                     std::optional<UserPrompt>& prompt);

}  // namespace ernie
