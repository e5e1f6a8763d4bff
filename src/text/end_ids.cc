#include "text/end_ids.h"

namespace ernie {

std::string_view end_of_turn(ChatTemplateKind kind) {
  return kind == ChatTemplateKind::kErnie45Thinking ? "<|im_end|>" : "<|end_of_sentence|>";
}

std::vector<TokenId> text_end_ids(const Tokenizer& tokenizer) {
  return turn_end_ids(tokenizer, ChatTemplateKind::kErnie45);
}

std::vector<TokenId> turn_end_ids(const Tokenizer& tokenizer, ChatTemplateKind kind) {
  const auto id = tokenizer.special_id(end_of_turn(kind));
  return id ? std::vector<TokenId>{*id} : std::vector<TokenId>{};
}

}  // namespace ernie
