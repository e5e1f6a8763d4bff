#include "api/token_texts.h"

#include <algorithm>
#include <cmath>

#include "json/text.h"

namespace ernie {

std::string TokenTexts::text(TokenId id) const {
  if (tokenizer == nullptr || as_ids) return fmt::format("token_id:{}", id);
  return tokenizer->decode(std::span(&id, 1), /*keep_special=*/true);
}

std::string TokenTexts::key(TokenId id) const {
  std::string name = text(id);
  if (tokenizer == nullptr || as_ids || name == tokenizer->token_bytes(id)) return name;
  std::string key = "bytes:";
  for (const char byte : tokenizer->token_bytes(id)) {
    key += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
  return key;
}

std::string_view TokenTexts::bytes(TokenId id) const {
  return tokenizer == nullptr ? std::string_view() : tokenizer->token_bytes(id);
}

size_t TokenTexts::num_characters(TokenId id, bool skip_special) const {
  if (tokenizer == nullptr || (skip_special && tokenizer->is_special(id))) return 0;
  return static_cast<size_t>(std::ranges::count_if(tokenizer->token_bytes(id), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0u) != 0x80u;
  }));
}

double finite_logprob(float logprob) {
  return std::isfinite(logprob) ? shortest_decimal(logprob) : -9999.0;
}

std::span<const TokenLogprob::Top> first_top(const TokenLogprob& token, int32_t count) {
  return std::span(token.top).first(std::min(token.top.size(), static_cast<size_t>(count)));
}

}  // namespace ernie
