#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace ernie {

/// The bytes of all tokens that are not special, as a tree in preorder: what lies below a node
/// follows it. Node 0 is the root, the empty text.
class TokenTree {
 public:
  struct Node {
    uint32_t end = 0;  ///< the first node that is not below this one
    uint32_t first_token = 0, num_tokens = 0;
    uint32_t parent = 0;
    uint16_t depth = 0;
    uint8_t byte = 0;
  };

  TokenTree(const Tokenizer& tokenizer, int64_t vocab_size);

  std::span<const Node> nodes() const { return nodes_; }
  std::span<const int32_t> tokens(const Node& node) const {
    return std::span(tokens_).subspan(node.first_token, node.num_tokens);
  }
  std::string_view bytes(int32_t token) const;
  bool has_token(int32_t token) const { return !bytes(token).empty(); }
  size_t max_depth() const { return max_depth_; }
  int64_t vocab_size() const { return static_cast<int64_t>(bytes_.size()); }
  size_t num_bytes() const;

 private:
  std::vector<Node> nodes_;
  std::vector<int32_t> tokens_;
  std::vector<std::string> bytes_;  // by token; empty: never allowed
  size_t max_depth_ = 0;
};

}  // namespace ernie
