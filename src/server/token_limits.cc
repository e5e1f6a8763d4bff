#include "server/token_limits.h"

#include <algorithm>

#include "server/service.h"
#include "text/end_ids.h"

namespace ernie {

class TokenLimits::Constraint final : public TokenConstraint {
 public:
  Constraint(std::shared_ptr<const Lists> lists, std::shared_ptr<TokenConstraint> inner)
      : lists_(std::move(lists)), inner_(std::move(inner)) {}

  void restrict_to_allowed(std::span<uint64_t> allowed) override {
    if (inner_ != nullptr) inner_->restrict_to_allowed(allowed);
    if (!lists_->allowed.empty()) {
      for (size_t i = 0; i < allowed.size(); ++i) allowed[i] &= lists_->allowed[i];
    }
    for (const std::vector<int32_t>& word : lists_->banned) {
      if (ends_with_all_but_the_last(word)) {
        const auto last = static_cast<size_t>(word.back());
        allowed[last / 64] &= ~(uint64_t{1} << (last % 64));
      }
    }
  }
  bool can_end() const override {
    return lists_->may_end && (inner_ == nullptr || inner_->can_end());
  }
  bool accept(int32_t token_id) override {
    if (inner_ != nullptr && !inner_->accept(token_id)) return false;
    output_.push_back(token_id);
    return true;
  }

 private:
  bool ends_with_all_but_the_last(const std::vector<int32_t>& word) const {
    const size_t count = word.size() - 1;
    return output_.size() >= count &&
           std::equal(word.begin(), word.end() - 1,
                      output_.end() - static_cast<std::ptrdiff_t>(count));
  }

  std::shared_ptr<const Lists> lists_;
  std::shared_ptr<TokenConstraint> inner_;
  std::vector<int32_t> output_;
};

std::shared_ptr<TokenConstraint> TokenLimits::make(std::shared_ptr<TokenConstraint> inner) const {
  if (lists_ == nullptr) return inner;
  return std::make_shared<Constraint>(lists_, std::move(inner));
}

Result<TokenLimits> token_limits(const ServerRequest& request, const Service& service) {
  TokenLimits limits;
  if (request.allowed_token_ids.empty() && request.bad_words.empty()) return limits;
  auto lists = std::make_shared<TokenLimits::Lists>();
  const Tokenizer* tokenizer = service.tokenizer();
  const int64_t vocab_size = service.loop().limits().vocab_size;
  if (!request.allowed_token_ids.empty()) {
    lists->allowed.resize(static_cast<size_t>(vocab_size + 63) / 64);
    lists->may_end = false;
    for (const TokenId id : request.allowed_token_ids) {
      if (id >= vocab_size) {
        return field_error(ErrorCode::kInvalidArgument, "allowed_token_ids",
                           "got id {}, expected 0 to {}", id, vocab_size - 1);
      }
      const auto bit = static_cast<size_t>(id);
      lists->allowed[bit / 64] |= uint64_t{1} << (bit % 64);
      const bool ends = tokenizer != nullptr && id == tokenizer->eos_id();
      lists->may_end = lists->may_end || ends;
    }
  }
  if (!request.bad_words.empty() && tokenizer == nullptr) {
    return field_error(ErrorCode::kInvalidArgument, "bad_words",
                       "got words, expected none: the model was loaded without a tokenizer");
  }
  for (const std::string& word : request.bad_words) {
    // A word stands at the beginning of a text and behind a space.
    for (const std::string& form : {word, " " + word}) {
      lists->banned.push_back(tokenizer->encode(form, SpecialTokens::kAsText));
    }
  }
  limits.lists_ = std::move(lists);
  return limits;
}

}  // namespace ernie
