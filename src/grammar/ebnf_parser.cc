#include "grammar/ebnf_parser.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/utf8.h"

namespace ernie {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class EbnfParser {
 public:
  EbnfParser(std::string_view source, const GrammarLimits& limits)
      : text_(source), limits_(limits) {}

  Result<EbnfRules> parse();

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool at_end() const { return at_ >= text_.size(); }
  bool take(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  Error bad(std::string_view what, ErrorCode code = ErrorCode::kInvalidArgument) const {
    const auto before = text_.substr(0, at_);
    return make_error(code, "grammar: line {}: {}",
                      1 + std::count(before.begin(), before.end(), '\n'), what);
  }
  void skip_space();
  std::string_view peek_name() const;
  bool at_rule();
  uint32_t rule_id(std::string_view name);
  Result<void> parse_rule();
  Result<RegexPtr> parse_choice();
  Result<RegexPtr> parse_sequence();
  Result<RegexPtr> parse_item();
  Result<RegexPtr> parse_quantifier(RegexPtr item);
  Result<RegexPtr> parse_text();
  Result<RegexPtr> parse_class();
  Result<uint32_t> parse_count();
  Result<char32_t> parse_character();

  std::string_view text_;
  const GrammarLimits& limits_;
  size_t at_ = 0, depth_ = 0;
  std::vector<EbnfRule> rules_;
  std::map<std::string, uint32_t, std::less<>> ids_;
};

/// White space, line ends and comments.
void EbnfParser::skip_space() {
  while (!at_end()) {
    if (peek() == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      ++at_;
    } else {
      return;
    }
  }
}

std::string_view EbnfParser::peek_name() const {
  size_t end = at_;
  if (end < text_.size() && is_letter(text_[end])) {
    while (end < text_.size() && (is_letter(text_[end]) || is_digit(text_[end]) ||
                                  text_[end] == '-' || text_[end] == '.')) {
      ++end;
    }
  }
  return text_.substr(at_, end - at_);
}

/// Whether a rule begins here, "name ::=".
bool EbnfParser::at_rule() {
  const size_t begin = at_;
  const std::string_view name = peek_name();
  at_ += name.size();
  skip_space();
  const bool found = !name.empty() && text_.substr(at_).starts_with("::=");
  at_ = begin;
  return found;
}

uint32_t EbnfParser::rule_id(std::string_view name) {
  const auto it = ids_.find(name);
  if (it != ids_.end()) return it->second;
  const auto id = static_cast<uint32_t>(rules_.size());
  rules_.push_back({std::string(name), nullptr});
  ids_.emplace(name, id);
  return id;
}

Result<EbnfRules> EbnfParser::parse() {
  if (text_.size() > limits_.max_source_bytes) {
    return make_error(ErrorCode::kInvalidArgument, "grammar: got {} bytes, expected at most {}",
                      text_.size(), limits_.max_source_bytes);
  }
  if (!is_utf8(text_)) return bad("got text that is not UTF-8");
  for (skip_space(); !at_end(); skip_space()) ERNIE_TRY_VOID(parse_rule());
  for (const EbnfRule& rule : rules_) {
    if (rule.body == nullptr) {
      return make_error(ErrorCode::kInvalidArgument, "grammar: the rule {} is not defined",
                        in_quotes(rule.name));
    }
  }
  const auto root = ids_.find("root");
  if (root == ids_.end()) {
    return make_error(ErrorCode::kInvalidArgument, "grammar: there is no rule \"root\"");
  }
  return EbnfRules{std::move(rules_), root->second};
}

Result<void> EbnfParser::parse_rule() {
  const std::string_view name = peek_name();
  if (name.empty()) return bad("expected the name of a rule");
  at_ += name.size();
  skip_space();
  if (!take("::=")) return bad("expected \"::=\" behind the name of a rule");
  const uint32_t id = rule_id(name);
  if (rules_[id].body != nullptr) return bad("the rule is defined twice");
  if (rules_.size() > limits_.max_nodes) return bad("got too many rules");
  ERNIE_TRY(RegexPtr body, parse_choice());
  if (!at_end() && !at_rule()) return bad("got what belongs to no rule");
  rules_[id].body = std::move(body);
  return {};
}

Result<RegexPtr> EbnfParser::parse_choice() {
  std::vector<RegexPtr> choices;
  do {
    ERNIE_TRY(RegexPtr sequence, parse_sequence());
    choices.push_back(std::move(sequence));
  } while (take("|"));
  return regex_choice(std::move(choices));
}

Result<RegexPtr> EbnfParser::parse_sequence() {
  std::vector<RegexPtr> items;
  for (skip_space(); !at_end() && peek() != '|' && peek() != ')' && !at_rule(); skip_space()) {
    ERNIE_TRY(RegexPtr item, parse_item());
    ERNIE_TRY(RegexPtr repeated, parse_quantifier(std::move(item)));
    items.push_back(std::move(repeated));
  }
  return regex_sequence(std::move(items));
}

Result<RegexPtr> EbnfParser::parse_item() {
  if (take("\"")) return parse_text();
  if (take("[")) return parse_class();
  if (take(".")) return regex_set({{0, kMaxCodePoint}});
  if (take("(")) {
    skip_space();
    if (peek() == '=') return bad("looking ahead is not supported", ErrorCode::kUnsupported);
    if (depth_ >= limits_.max_depth) return bad("got groups nested too deep");
    ++depth_;
    ERNIE_TRY(RegexPtr inner, parse_choice());
    --depth_;
    if (!take(")")) return bad("got \"(\" without \")\"");
    return inner;
  }
  const std::string_view name = peek_name();
  if (name.empty()) return bad("expected a text, a class of characters, a group or a rule");
  if (rules_.size() > limits_.max_nodes) return bad("got too many rules");
  at_ += name.size();
  return regex_rule(rule_id(name));
}

Result<uint32_t> EbnfParser::parse_count() {
  uint64_t n = 0;
  if (!is_digit(peek())) return bad("expected a count");
  for (; is_digit(peek()); ++at_) {
    n = std::min<uint64_t>(n * 10 + static_cast<uint64_t>(peek() - '0'), kUnbounded);
  }
  if (n > limits_.max_repeat) return bad("got a count that is too large");
  return static_cast<uint32_t>(n);
}

Result<RegexPtr> EbnfParser::parse_quantifier(RegexPtr item) {
  uint32_t min = 0, max = kUnbounded;
  skip_space();
  if (take("*")) return regex_repeat(std::move(item), 0, kUnbounded);
  if (take("+")) return regex_repeat(std::move(item), 1, kUnbounded);
  if (take("?")) return regex_repeat(std::move(item), 0, 1);
  if (!take("{")) return item;
  skip_space();
  if (peek() != ',') {
    ERNIE_TRY(min, parse_count());
  }
  max = min;
  skip_space();
  if (take(",")) {
    skip_space();
    max = kUnbounded;
    if (is_digit(peek())) {
      ERNIE_TRY(max, parse_count());
    }
    skip_space();
  }
  if (!take("}")) return bad("got \"{\" without \"}\"");
  if (min > max) return bad("got {m,n} with m above n");
  return regex_repeat(std::move(item), min, max);
}

/// One character of a text or a class, escaped or not.
Result<char32_t> EbnfParser::parse_character() {
  if (!take("\\")) {
    const Utf8Unit unit = first_utf8_unit(text_.substr(at_));
    at_ += unit.size;
    return unit.code_point;
  }
  const char kind = peek();
  ++at_;
  constexpr std::string_view kEscapes = "nrtabfve0", kMeanings("\n\r\t\a\b\f\v\x1B\0", 9);
  const size_t known = kEscapes.find(kind);
  if (!at_end() && known != std::string_view::npos) return static_cast<char32_t>(kMeanings[known]);
  const size_t num_digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (num_digits == 0) {
    if (at_ > text_.size() || is_letter(kind) || is_digit(kind))
      return bad("got an unknown escape");
    return static_cast<unsigned char>(kind);
  }
  uint64_t value = 0;
  for (size_t i = 0; i < num_digits; ++i, ++at_) {
    const char c = peek();
    const int letter = (c | 0x20) - 'a';
    if (!is_digit(c) && (letter < 0 || letter > 5)) return bad("expected hexadecimal digits");
    value = value * 16 + static_cast<uint64_t>(is_digit(c) ? c - '0' : letter + 10);
  }
  if (value > kMaxCodePoint || (value >= 0xD800 && value < 0xE000)) {
    return bad("got an escape of what is no character");
  }
  return static_cast<char32_t>(value);
}

Result<RegexPtr> EbnfParser::parse_text() {
  std::u32string text;
  while (!take("\"")) {
    if (at_end() || peek() == '\n') return bad("got a text without its end");
    ERNIE_TRY(const char32_t c, parse_character());
    text += c;
  }
  return regex_text(std::move(text));
}

Result<RegexPtr> EbnfParser::parse_class() {
  const bool is_negated = take("^");
  CodePointSet set;
  while (!take("]")) {
    if (at_end()) return bad("got \"[\" without \"]\"");
    ERNIE_TRY(const char32_t first, parse_character());
    char32_t last = first;
    if (peek() == '-' && peek(1) != ']' && at_ + 1 < text_.size()) {
      ++at_;
      ERNIE_TRY(last, parse_character());
      if (last < first) return bad("got a range whose end is before its beginning");
    }
    set.add(first, last);
  }
  set.normalize();
  return regex_set(is_negated ? set.complement() : std::move(set));
}

}  // namespace

Result<EbnfRules> parse_ebnf(std::string_view source, const GrammarLimits& limits) {
  return EbnfParser(source, limits).parse();
}

}  // namespace ernie
