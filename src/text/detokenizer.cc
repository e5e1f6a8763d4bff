#include "text/detokenizer.h"

#include "base/utf8.h"

namespace ernie {

StreamingDetokenizer::StreamingDetokenizer(std::shared_ptr<const Tokenizer> tokenizer,
                                           bool keep_special)
    : tokenizer_(std::move(tokenizer)), keep_special_(keep_special) {}

std::string StreamingDetokenizer::push(TokenId id) {
  std::string text;
  if (!keep_special_ && tokenizer_->is_special(id)) return text;
  pending_ += tokenizer_->token_bytes(id);
  const size_t num_left = append_as_utf8(pending_, text);
  pending_.erase(0, pending_.size() - num_left);
  return text;
}

std::string StreamingDetokenizer::finish() {
  const bool incomplete = !pending_.empty();
  pending_.clear();
  return incomplete ? std::string(kReplacementCharacter) : std::string();
}

}  // namespace ernie
