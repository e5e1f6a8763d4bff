#include "api/legacy_logprobs.h"

#include <utility>

namespace ernie {

namespace json = boost::json;

void LegacyLogprobs::add(TokenId id, const TokenLogprob* logprob) {
  tokens_.emplace_back(texts_.key(id));
  offsets_.emplace_back(offset_);
  offset_ += texts_.num_characters(id, skip_special_);
  if (logprob == nullptr) {
    logprobs_.emplace_back(nullptr);
    top_.emplace_back(nullptr);
    return;
  }
  logprobs_.emplace_back(finite_logprob(logprob->logprob));
  json::object top;
  top.emplace(texts_.key(id), finite_logprob(logprob->logprob));
  for (const auto& [top_id, top_logprob] : first_top(*logprob, num_top_)) {
    top.emplace(texts_.key(top_id), finite_logprob(top_logprob));
  }
  top_.emplace_back(std::move(top));
}

json::object LegacyLogprobs::take() {
  return {{"tokens", std::exchange(tokens_, {})},
          {"token_logprobs", std::exchange(logprobs_, {})},
          {"top_logprobs", std::exchange(top_, {})},
          {"text_offset", std::exchange(offsets_, {})}};
}

}  // namespace ernie
