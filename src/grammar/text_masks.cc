#include "grammar/text_masks.h"

#include <algorithm>

#include "grammar/json_characters.h"

namespace ernie {
namespace {

void allow(const TokenTree& tree, const TokenTree::Node& node, std::vector<uint64_t>& allowed) {
  for (const int32_t t : tree.tokens(node)) {
    allowed[static_cast<size_t>(t) / 64] |= uint64_t{1} << t % 64;
  }
}

/// Most bytes are characters of their own.
CharacterReader::Step plain_character(uint8_t byte) {
  return {CharacterReader::Event::kCharacter, 0, byte};
}

}  // namespace

std::shared_ptr<const TextMask> TextMasks::get(const Dfa& dfa, TextPlace place) {
  // No token has more characters than bytes: beyond that the bounds make no difference.
  const auto far = static_cast<uint32_t>(tree_.max_depth() + 1);
  place.num_left = std::min(place.num_left, far);
  place.num_needed = std::min(place.num_needed, far);
  const Key key = {dfa.id(),        place.is_json,  place.is_last,   place.state,
                   place.character, place.num_left, place.num_needed};
  {
    const std::scoped_lock lock(mutex_);
    const auto it = by_key_.find(key);
    if (it != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, it->second);
      return it->second->mask;
    }
  }
  std::shared_ptr<const TextMask> mask = compute(dfa, place);
  const std::scoped_lock lock(mutex_);
  if (by_key_.contains(key)) return mask;  // another thread was faster
  entries_.push_front({key, mask});
  by_key_[key] = entries_.begin();
  num_bytes_ += mask->num_bytes();
  while (num_bytes_ > max_bytes_ && entries_.size() > 1) {
    num_bytes_ -= entries_.back().mask->num_bytes();
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  return mask;
}

size_t TextMasks::num_bytes() const {
  const std::scoped_lock lock(mutex_);
  return num_bytes_;
}

std::shared_ptr<const TextMask> TextMasks::compute(const Dfa& dfa, const TextPlace& place) const {
  auto mask = std::make_shared<TextMask>();
  mask->allowed.resize((static_cast<size_t>(tree_.vocab_size()) + 63) / 64);
  if (place.is_json) {
    walk_json(dfa, place, *mask);
  } else {
    walk_plain(dfa, place, *mask);
  }
  return mask;
}

void TextMasks::walk_json(const Dfa& dfa, const TextPlace& place, TextMask& mask) const {
  struct At {
    uint32_t state, character, count;
    bool has_escape;
  };
  std::vector<At> path(tree_.max_depth() + 1);
  path[0] = {place.state, place.character, 0, place.character != 0};
  const auto nodes = tree_.nodes();
  for (uint32_t i = 1; i < nodes.size();) {
    const TokenTree::Node& node = nodes[i];
    const At& from = path[node.depth - 1];
    At& at = path[node.depth];
    const bool is_plain = from.character == 0 && node.byte >= 0x20 && node.byte < 0x80 &&
                          node.byte != '"' && node.byte != '\\';
    const auto read = is_plain ? plain_character(node.byte)
                               : CharacterReader::read_json(from.character, node.byte);
    at = {from.state, read.state, from.count, from.has_escape || node.byte == '\\'};
    bool goes_on = false;
    if (read.event == CharacterReader::Event::kQuote) {
      if (dfa.accepts(from.state) && from.count >= place.num_needed) {
        allow(tree_, node, mask.allowed);
        mask.exits.push_back({i, from.state, from.has_escape});
      }
    } else if (read.event != CharacterReader::Event::kRefused && from.count < place.num_left) {
      if (read.event == CharacterReader::Event::kPending) {
        goes_on = CharacterReader::can_finish(read.state, dfa, from.state);
      } else {
        at.state = dfa.next(from.state, read.code_point);
        ++at.count;
        goes_on = at.state != Dfa::kDead;
      }
      if (goes_on) allow(tree_, node, mask.allowed);
    }
    i = goes_on ? i + 1 : node.end;
  }
}

void TextMasks::walk_plain(const Dfa& dfa, const TextPlace& place, TextMask& mask) const {
  struct At {
    uint32_t state, character;
  };
  std::vector<At> path(tree_.max_depth() + 1);
  path[0] = {place.state, place.character};
  std::vector<std::pair<uint8_t, uint32_t>> next_nodes;
  const auto nodes = tree_.nodes();
  for (uint32_t i = 1; i < nodes.size();) {
    const TokenTree::Node& node = nodes[i];
    const At& from = path[node.depth - 1];
    At& at = path[node.depth];
    // What the place itself can end with is read by what lies below, beside the text.
    if (!place.is_last && node.depth > 1 && from.character == 0 && dfa.accepts(from.state)) {
      next_nodes.push_back({node.byte, i});
    }
    const bool is_plain = from.character == 0 && node.byte < 0x80;
    const auto read = is_plain ? plain_character(node.byte)
                               : CharacterReader::read_utf8(from.character, node.byte);
    at = {from.state, read.state};
    bool goes_on = false;
    if (read.event == CharacterReader::Event::kPending) {
      goes_on = CharacterReader::can_finish(read.state, dfa, from.state);
    } else if (read.event == CharacterReader::Event::kCharacter) {
      at.state = dfa.next(from.state, read.code_point);
      goes_on = at.state != Dfa::kDead;
    }
    if (goes_on) allow(tree_, node, mask.allowed);
    i = goes_on ? i + 1 : node.end;
  }
  std::sort(next_nodes.begin(), next_nodes.end());
  mask.first_of_byte.resize(257);
  for (const auto& [byte, node] : next_nodes) {
    mask.next_nodes.push_back(node);
    ++mask.first_of_byte[size_t{byte} + 1];
  }
  for (size_t b = 1; b < mask.first_of_byte.size(); ++b) {
    mask.first_of_byte[b] += mask.first_of_byte[b - 1];
  }
}

}  // namespace ernie
