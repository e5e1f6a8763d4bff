#include "grammar/regex_tree.h"

#include <algorithm>

#include "base/utf8.h"

namespace ernie {

void CodePointSet::add(const CodePointSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
}

void CodePointSet::normalize() {
  std::sort(ranges_.begin(), ranges_.end());
  std::vector<Range> merged;
  for (const Range& range : ranges_) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  ranges_ = std::move(merged);
}

CodePointSet CodePointSet::complement() const {
  CodePointSet rest;
  char32_t next = 0;
  for (const Range& range : ranges_) {
    if (range.first > next) rest.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kMaxCodePoint) rest.ranges_.push_back({next, kMaxCodePoint});
  return rest;
}

namespace {

RegexPtr make(RegexNode node) { return std::make_shared<const RegexNode>(std::move(node)); }

}  // namespace

RegexPtr regex_text(std::u32string text) {
  RegexNode node;
  node.text = std::move(text);
  return make(std::move(node));
}

RegexPtr regex_text(std::string_view utf8) { return regex_text(decode_utf8(utf8)); }

RegexPtr regex_set(CodePointSet set) {
  RegexNode node;
  node.kind = RegexNode::Kind::kSet;
  node.set = std::move(set);
  return make(std::move(node));
}

RegexPtr regex_sequence(std::vector<RegexPtr> children) {
  if (children.size() == 1) return std::move(children[0]);
  RegexNode node;
  node.kind = RegexNode::Kind::kSequence;
  node.children = std::move(children);
  return make(std::move(node));
}

RegexPtr regex_choice(std::vector<RegexPtr> children) {
  if (children.size() == 1) return std::move(children[0]);
  RegexNode node;
  node.kind = RegexNode::Kind::kChoice;
  node.children = std::move(children);
  return make(std::move(node));
}

RegexPtr regex_repeat(RegexPtr child, uint32_t min, uint32_t max) {
  RegexNode node;
  node.kind = RegexNode::Kind::kRepeat;
  node.children.push_back(std::move(child));
  node.min = min;
  node.max = max;
  return make(std::move(node));
}

RegexPtr regex_mark(RegexNode::Kind begin_or_end) {
  RegexNode node;
  node.kind = begin_or_end;
  return make(std::move(node));
}

RegexPtr regex_rule(uint32_t rule_id) {
  RegexNode node;
  node.kind = RegexNode::Kind::kRule;
  node.rule_id = rule_id;
  return make(std::move(node));
}

RegexPtr regex_length(uint32_t min, uint32_t max) {
  return regex_repeat(regex_set({{0, kMaxCodePoint}}), min, max);
}

RegexPtr regex_search(RegexPtr child) {
  return regex_sequence(
      {regex_length(0, kUnbounded), std::move(child), regex_length(0, kUnbounded)});
}

std::u32string decode_utf8(std::string_view utf8) {
  std::u32string text;
  while (!utf8.empty()) {
    const Utf8Unit unit = first_utf8_unit(utf8);
    text += unit.kind == Utf8Unit::Kind::kCharacter ? unit.code_point : U'\uFFFD';
    utf8.remove_prefix(unit.size);
  }
  return text;
}

void append_code_point(std::string& utf8, char32_t c) {
  const auto tail = [&](int shift) { utf8 += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    utf8 += static_cast<char>(c);
  } else if (c < 0x800) {
    utf8 += static_cast<char>(0xC0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    utf8 += static_cast<char>(0xE0 | c >> 12);
    tail(6);
    tail(0);
  } else {
    utf8 += static_cast<char>(0xF0 | c >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace ernie
