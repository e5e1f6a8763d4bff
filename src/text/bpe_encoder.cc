#include "text/bpe_encoder.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/check.h"
#include "base/utf8.h"

namespace ernie {
namespace {

// An entry of the table of merges: three numbers of 21 bits, the result lowest.
constexpr int kSymbolBits = 21;
constexpr uint64_t kSymbolMask = (uint64_t{1} << kSymbolBits) - 1;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(left) << 2 * kSymbolBits | static_cast<uint64_t>(right)
                                                              << kSymbolBits;
}

size_t pair_hash(uint64_t key) { return static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> 32); }

// Position of each score among the different ones, the best first.
std::vector<uint32_t> ranks_of(const std::vector<BpeVocabulary::Piece>& pieces) {
  std::vector<float> scores;
  scores.reserve(pieces.size());
  for (const auto& piece : pieces) scores.push_back(piece.score);
  std::sort(scores.begin(), scores.end(), std::greater<>());
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  std::vector<uint32_t> ranks;
  for (const auto& piece : pieces) {
    const auto it = std::lower_bound(scores.begin(), scores.end(), piece.score, std::greater<>());
    ranks.push_back(static_cast<uint32_t>(it - scores.begin()));
  }
  return ranks;
}

}  // namespace

// The text's symbols as a linked list, the merges that are possible, and at last the tokens. Kept
// from window to window for its memory.
struct BpeEncoder::Window {
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Node {
    size_t begin, end;
    int32_t symbol;
    int32_t merged;  // what this node and the next would become; kNoSymbol if nothing
    uint32_t previous, next;
  };
  struct Candidate {
    uint64_t order;  // rank, then position
    int32_t merged;
    bool operator>(const Candidate& other) const { return order > other.order; }
    uint32_t left() const { return static_cast<uint32_t>(order); }
  };

  std::vector<Node> nodes;
  std::vector<Candidate> candidates;  // a heap, the best at the front
  std::vector<Token> tokens;
  size_t end = 0;  // in the text
};

BpeEncoder::BpeEncoder(const BpeVocabulary& vocabulary, size_t window_symbols)
    : window_symbols_(window_symbols),
      symbol_ranks_(ranks_of(vocabulary.merged)),
      byte_ids_(vocabulary.byte_ids) {
  ERNIE_CHECK(window_symbols >= 2, "got {}", window_symbols);
  SymbolTable symbols;
  symbols.reserve(vocabulary.merged.size());
  for (const auto& piece : vocabulary.merged) {
    symbols.emplace(piece.text, static_cast<int32_t>(symbol_ids_.size()));
    symbol_ids_.push_back(piece.id);
  }
  std::vector<PhraseMatcher::Phrase> whole = vocabulary.whole;
  for (auto& phrase : whole) {
    symbol_ids_.push_back(phrase.id);
    phrase.id = static_cast<int32_t>(symbol_ids_.size() - 1);
  }
  whole_ = PhraseMatcher(std::move(whole));
  add_characters(vocabulary, symbols);
  add_merges(vocabulary, symbols);
  ERNIE_CHECK(symbol_ids_.size() <= kSymbolMask, "got {}", symbol_ids_.size());
}

void BpeEncoder::add_characters(const BpeVocabulary& vocabulary, SymbolTable& symbols) {
  for (const auto& piece : vocabulary.merged) {
    for (std::string_view rest = piece.text; !rest.empty();) {
      const Utf8Unit unit = first_utf8_unit(rest);
      ERNIE_CHECK(unit.kind == Utf8Unit::Kind::kCharacter, "piece {} is not UTF-8", piece.id);
      if (unit.code_point >= character_symbols_.size()) {
        character_symbols_.resize(unit.code_point + 1, kNoSymbol);
      }
      int32_t& symbol = character_symbols_[unit.code_point];
      if (symbol == kNoSymbol) {
        const auto next = static_cast<int32_t>(symbol_ids_.size());
        const auto [it, added] = symbols.emplace(rest.substr(0, unit.size), next);
        if (added) symbol_ids_.push_back(-1);
        symbol = it->second;
      }
      rest.remove_prefix(unit.size);
    }
  }
}

void BpeEncoder::add_merges(const BpeVocabulary& vocabulary, const SymbolTable& symbols) {
  struct Merge {
    int32_t left, right, merged;
  };
  std::vector<Merge> merges;
  for (size_t i = 0; i < vocabulary.merged.size(); ++i) {
    const std::string_view text = vocabulary.merged[i].text;
    size_t split = first_utf8_unit(text).size;
    for (; split < text.size(); split += first_utf8_unit(text.substr(split)).size) {
      const auto left = symbols.find(text.substr(0, split));
      if (left == symbols.end()) continue;
      const auto right = symbols.find(text.substr(split));
      if (right == symbols.end()) continue;
      merges.push_back({left->second, right->second, static_cast<int32_t>(i)});
    }
  }
  merges_.resize(std::bit_ceil(2 * merges.size() + 1));
  for (const Merge& merge : merges) insert_merge(merge.left, merge.right, merge.merged);
}

void BpeEncoder::insert_merge(int32_t left, int32_t right, int32_t merged) {
  const uint64_t key = pair_key(left, right);
  const size_t mask = merges_.size() - 1;
  size_t slot = pair_hash(key) & mask;
  while (merges_[slot] != 0) slot = (slot + 1) & mask;
  // Never 0: a symbol is not built out of itself.
  merges_[slot] = key | static_cast<uint64_t>(merged);
}

int32_t BpeEncoder::find_merge(int32_t left, int32_t right) const {
  if (left == kNoSymbol || right == kNoSymbol) return kNoSymbol;
  const uint64_t key = pair_key(left, right);
  const size_t mask = merges_.size() - 1;
  for (size_t slot = pair_hash(key) & mask;; slot = (slot + 1) & mask) {
    const uint64_t entry = merges_[slot];
    if (entry == 0) return kNoSymbol;
    if ((entry & ~kSymbolMask) == key) return static_cast<int32_t>(entry & kSymbolMask);
  }
}

BpeEncoder::Token BpeEncoder::next_symbol(std::string_view text, size_t begin) const {
  const std::string_view rest = text.substr(begin);
  if (const auto* phrase = whole_.longest_prefix(rest)) {
    return {begin, begin + phrase->text.size(), phrase->id};
  }
  const Utf8Unit unit = first_utf8_unit(rest);
  const bool known =
      unit.kind == Utf8Unit::Kind::kCharacter && unit.code_point < character_symbols_.size();
  return {begin, begin + unit.size, known ? character_symbols_[unit.code_point] : kNoSymbol};
}

void BpeEncoder::fill(std::string_view text, size_t begin, size_t num_symbols,
                      Window& window) const {
  window.nodes.clear();
  for (size_t i = 0; i < num_symbols && begin < text.size(); ++i) {
    const Token symbol = next_symbol(text, begin);
    const auto index = static_cast<uint32_t>(i);
    window.nodes.push_back({begin, symbol.end, symbol.symbol, kNoSymbol,
                            i == 0 ? Window::kNone : index - 1, index + 1});
    begin = symbol.end;
  }
  if (!window.nodes.empty()) window.nodes.back().next = Window::kNone;
  window.end = begin;
}

// Looks up what the node and its next would become; the heap's order is the caller's business.
void BpeEncoder::find_candidate(Window& window, uint32_t left) const {
  Window::Node& node = window.nodes[left];
  node.merged = kNoSymbol;
  if (node.next == Window::kNone) return;
  node.merged = find_merge(node.symbol, window.nodes[node.next].symbol);
  if (node.merged == kNoSymbol) return;
  const uint64_t rank = symbol_ranks_[static_cast<size_t>(node.merged)];
  window.candidates.push_back({rank << 32 | left, node.merged});
}

void BpeEncoder::merge_all(Window& window) const {
  auto& nodes = window.nodes;
  auto& heap = window.candidates;
  const auto find_and_push = [&](uint32_t left) {
    const size_t size = heap.size();
    find_candidate(window, left);
    if (heap.size() > size) std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  heap.clear();
  for (uint32_t i = 0; i < nodes.size(); ++i) find_candidate(window, i);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const Window::Candidate best = heap.back();
    heap.pop_back();
    Window::Node& left = nodes[best.left()];
    // An entry is out of date if either neighbour has been merged since: then `merged` differs.
    if (left.merged != best.merged) continue;
    Window::Node& right = nodes[left.next];
    left.symbol = best.merged;
    left.end = right.end;
    left.next = right.next;
    right.merged = kNoSymbol;
    if (left.next != Window::kNone) nodes[left.next].previous = best.left();
    find_and_push(best.left());
    if (left.previous != Window::kNone) find_and_push(left.previous);
  }
}

void BpeEncoder::encode_window(std::string_view text, size_t begin, size_t num_symbols,
                               Window& window) const {
  fill(text, begin, num_symbols, window);
  merge_all(window);
  window.tokens.clear();
  if (window.nodes.empty()) return;
  for (uint32_t i = 0; i != Window::kNone; i = window.nodes[i].next) {
    const Window::Node& node = window.nodes[i];
    window.tokens.push_back({node.begin, node.end, node.symbol});
  }
}

void BpeEncoder::emit(std::string_view text, std::span<const Token> tokens,
                      std::vector<TokenId>& ids) const {
  for (const Token& token : tokens) {
    const TokenId id =
        token.symbol == kNoSymbol ? -1 : symbol_ids_[static_cast<size_t>(token.symbol)];
    if (id >= 0) {
      ids.push_back(id);
      continue;
    }
    for (const char c : text.substr(token.begin, token.end - token.begin)) {
      ids.push_back(byte_ids_[static_cast<uint8_t>(c)]);
    }
  }
}

// False if two windows have no token in common.
bool BpeEncoder::encode_in_windows(std::string_view text, size_t window_symbols,
                                   std::vector<TokenId>& ids) const {
  const size_t overlap = std::max<size_t>(1, window_symbols / 8);
  Window window, next;
  encode_window(text, 0, window_symbols, window);
  size_t first = 0;  // the first token of `window` that has not been emitted
  while (window.end < text.size()) {
    const std::span<const Token> tokens = window.tokens;
    // The last few tokens depend on text that the window does not show, so the next one repeats
    // them.
    const size_t repeat_from = window.nodes[window.nodes.size() - overlap].begin;
    size_t a = tokens.size() - 1;
    while (a > first && tokens[a].begin > repeat_from) --a;
    if (a == first) return false;
    encode_window(text, tokens[a].begin, window_symbols, next);
    size_t b = 0;
    while (a < tokens.size() && b < next.tokens.size()) {
      const Token &left = tokens[a], &right = next.tokens[b];
      if (left.begin == right.begin && left.end == right.end) break;
      left.begin < right.begin || (left.begin == right.begin && left.end < right.end) ? ++a : ++b;
    }
    const bool joined = a < tokens.size() && b < next.tokens.size();
    if (!joined) return false;
    emit(text, tokens.subspan(first, a - first), ids);
    std::swap(window, next);
    first = b;
  }
  emit(text, std::span<const Token>(window.tokens).subspan(first), ids);
  return true;
}

void BpeEncoder::encode(std::string_view text, std::vector<TokenId>& ids) const {
  const size_t num_before = ids.size();
  size_t window_symbols = window_symbols_;
  while (!encode_in_windows(text, window_symbols, ids)) {
    ids.resize(num_before);
    window_symbols *= 4;
  }
}

}  // namespace ernie
