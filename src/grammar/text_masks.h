#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/token_tree.h"

namespace ernie {

/// Where in a text an output is.
struct TextPlace {
  bool is_json = false;  ///< within quotes; else plain UTF-8
  uint32_t state = 0;
  uint32_t character = 0;          ///< CharacterReader's
  uint32_t num_left = kUnbounded;  ///< characters that may still follow, in JSON
  uint32_t num_needed = 0;         ///< that must
  bool is_last = false;            ///< plain: nothing follows the text
};

/// What the tokens do in a text, as far as they are read by it.
struct TextMask {
  /// Allowed for what they are in the text, or up to its end.
  std::vector<uint64_t> allowed;
  /// JSON: nodes behind a closing quote. The tokens below them depend on what follows the text.
  struct Exit {
    uint32_t node;
    uint32_t state;   ///< of the automaton, at the quote
    bool has_escape;  ///< or began within a character: its bytes are not those of the text
  };
  std::vector<Exit> exits;
  /// Plain: nodes whose parent may end the text, by their byte.
  std::vector<uint32_t> next_nodes;
  std::vector<uint32_t> first_of_byte;  ///< [257] into next_nodes

  size_t num_bytes() const {
    return allowed.size() * 8 + exits.size() * sizeof(Exit) + next_nodes.size() * 4 +
           first_of_byte.size() * 4 + 128;
  }
};

/// Masks by automaton and place, the most recently used ones. Thread-safe.
class TextMasks {
 public:
  TextMasks(const TokenTree& tree, size_t max_bytes) : tree_(tree), max_bytes_(max_bytes) {}

  std::shared_ptr<const TextMask> get(const Dfa& dfa, TextPlace place);
  size_t num_bytes() const;

 private:
  using Key = std::tuple<uint64_t, bool, bool, uint32_t, uint32_t, uint32_t, uint32_t>;
  struct Entry {
    Key key;
    std::shared_ptr<const TextMask> mask;
  };

  std::shared_ptr<const TextMask> compute(const Dfa& dfa, const TextPlace& place) const;
  void walk_json(const Dfa& dfa, const TextPlace& place, TextMask& mask) const;
  void walk_plain(const Dfa& dfa, const TextPlace& place, TextMask& mask) const;

  const TokenTree& tree_;
  const size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::map<Key, std::list<Entry>::iterator> by_key_;
  size_t num_bytes_ = 0;
};

}  // namespace ernie
