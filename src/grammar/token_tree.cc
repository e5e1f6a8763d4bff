#include "grammar/token_tree.h"

#include <algorithm>

namespace ernie {

TokenTree::TokenTree(const Tokenizer& tokenizer, int64_t vocab_size)
    : bytes_(static_cast<size_t>(vocab_size)) {
  std::vector<int32_t> order;
  for (int32_t t = 0; t < std::min(vocab_size, tokenizer.vocab_size()); ++t) {
    const std::string_view bytes = tokenizer.token_bytes(t);
    if (tokenizer.is_special(t) || bytes.empty() || bytes.size() > UINT16_MAX) continue;
    bytes_[static_cast<size_t>(t)] = bytes;
    order.push_back(t);
  }
  std::sort(order.begin(), order.end(), [this](int32_t a, int32_t b) {
    return std::tie(bytes_[static_cast<size_t>(a)], a) <
           std::tie(bytes_[static_cast<size_t>(b)], b);
  });
  nodes_.emplace_back();
  std::vector<uint32_t> path = {0};  // from the root to the node of the token before
  std::string_view before;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
    }
  };
  for (const int32_t token : order) {
    const std::string_view text = bytes_[static_cast<size_t>(token)];
    const auto differs = std::mismatch(before.begin(), before.end(), text.begin(), text.end());
    const auto common = static_cast<size_t>(differs.second - text.begin());
    close(common + 1);
    for (size_t i = common; i < text.size(); ++i) {
      Node node;
      node.parent = path.back();
      node.depth = static_cast<uint16_t>(i + 1);
      node.byte = static_cast<uint8_t>(text[i]);
      node.first_token = static_cast<uint32_t>(tokens_.size());
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back(node);
    }
    tokens_.push_back(token);
    ++nodes_[path.back()].num_tokens;
    max_depth_ = std::max(max_depth_, text.size());
    before = text;
  }
  close(0);
}

std::string_view TokenTree::bytes(int32_t token) const {
  if (token < 0 || static_cast<size_t>(token) >= bytes_.size()) return {};
  return bytes_[static_cast<size_t>(token)];
}

size_t TokenTree::num_bytes() const {
  return nodes_.size() * sizeof(Node) + tokens_.size() * sizeof(int32_t) +
         bytes_.size() * sizeof(std::string);
}

}  // namespace ernie
