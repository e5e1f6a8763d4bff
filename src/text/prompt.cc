#include "text/prompt.h"

namespace ernie {

void Prompt::add_text(std::string_view text) {
  if (parts_.empty() || parts_.back().kind != Kind::kText) parts_.push_back({Kind::kText, ""});
  parts_.back().text += text;
}

std::string Prompt::text() const {
  std::string text;
  for (const Part& part : parts_) text += part.text;
  return text;
}

Result<std::vector<TokenId>> Prompt::encode(const Tokenizer& tokenizer) const {
  std::vector<TokenId> ids;
  std::string plain;
  const auto encode_plain = [&] {
    const auto plain_ids = tokenizer.encode(plain, SpecialTokens::kAsText);
    ids.insert(ids.end(), plain_ids.begin(), plain_ids.end());
    plain.clear();
  };
  for (const Part& part : parts_) {
    const auto id = part.kind == Kind::kText ? std::nullopt : tokenizer.special_id(part.text);
    if (part.kind == Kind::kControl && !id) {
      return make_error(ErrorCode::kUnsupported,
                        "chat template: got a tokenizer without {}, expected one with it",
                        part.text);
    }
    if (id) {
      encode_plain();
      ids.push_back(*id);
    } else {
      plain += part.text;
    }
  }
  encode_plain();
  return ids;
}

}  // namespace ernie
