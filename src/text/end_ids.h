#pragma once

/// The special tokens at which a model's text ends, besides the end tokens of its config. Known
/// here and nowhere else.

#include <string_view>
#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace ernie {

/// What stands behind a turn of a conversation, in the template and in what a model writes.
std::string_view end_of_turn(ChatTemplateKind kind);

/// Ids at which any text ends: chat models emit </s>, but a turn in their training data ends with
/// the token of kErnie45. Empty if the vocabulary has none.
std::vector<TokenId> text_end_ids(const Tokenizer& tokenizer);

/// Ids at which an answer in a conversation ends. Empty if the vocabulary has none.
std::vector<TokenId> turn_end_ids(const Tokenizer& tokenizer, ChatTemplateKind kind);

}  // namespace ernie
