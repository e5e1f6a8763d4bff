#include "grammar/regex_parser.h"

#include <optional>

#include "base/utf8.h"

namespace ernie {
namespace {

const CodePointSet& digits() {
  static const CodePointSet kSet = {{'0', '9'}};
  return kSet;
}
const CodePointSet& word_characters() {
  static const CodePointSet kSet = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return kSet;
}
const CodePointSet& spaces() {
  static const CodePointSet kSet = {
      {'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
      {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  return kSet;
}
const CodePointSet& line_ends() {
  static const CodePointSet kSet = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
  return kSet;
}

class RegexParser {
 public:
  RegexParser(std::string_view pattern, const GrammarLimits& limits, std::string_view place)
      : text_(pattern), limits_(limits), place_(place) {}

  Result<RegexPtr> parse();

 private:
  using Kind = RegexNode::Kind;

  bool at_end() const { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool take(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }
  template <typename... Args>
  Error fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) const {
    return make_error(code, "{}: {}, at byte {} of the pattern", place_,
                      fmt::format(format, std::forward<Args>(args)...), at_);
  }
  Error unsupported(std::string_view what) const {
    return fail(ErrorCode::kUnsupported, "{} cannot be used here", what);
  }
  Error bad(std::string_view what) const { return fail(ErrorCode::kInvalidArgument, "{}", what); }

  Result<RegexPtr> parse_choice();
  Result<RegexPtr> parse_sequence();
  Result<RegexPtr> parse_group();
  Result<RegexPtr> parse_atom();
  Result<RegexPtr> parse_quantifier(RegexPtr atom);
  std::optional<std::pair<uint32_t, uint32_t>> counts();
  Result<RegexPtr> parse_class();
  Result<CodePointSet> parse_class_item();
  Result<CodePointSet> parse_escape(bool in_class);
  Result<char32_t> parse_hex(size_t num_digits);
  Result<char32_t> parse_unicode_escape();
  char32_t take_character();

  std::string_view text_;
  const GrammarLimits& limits_;
  std::string_view place_;
  size_t at_ = 0, depth_ = 0;
};

Result<RegexPtr> RegexParser::parse() {
  if (text_.size() > limits_.max_source_bytes) {
    return make_error(ErrorCode::kInvalidArgument, "{}: got {} bytes, expected at most {}", place_,
                      text_.size(), limits_.max_source_bytes);
  }
  if (!is_utf8(text_)) return bad("got a pattern that is not UTF-8");
  ERNIE_TRY(RegexPtr all, parse_choice());
  if (!at_end()) return bad("got \")\" without \"(\"");
  return all;
}

Result<RegexPtr> RegexParser::parse_choice() {
  std::vector<RegexPtr> choices;
  do {
    ERNIE_TRY(RegexPtr sequence, parse_sequence());
    choices.push_back(std::move(sequence));
  } while (take("|"));
  return regex_choice(std::move(choices));
}

Result<RegexPtr> RegexParser::parse_sequence() {
  std::vector<RegexPtr> parts;
  while (!at_end() && peek() != '|' && peek() != ')') {
    ERNIE_TRY(RegexPtr atom, parse_atom());
    ERNIE_TRY(RegexPtr repeated, parse_quantifier(std::move(atom)));
    parts.push_back(std::move(repeated));
  }
  return regex_sequence(std::move(parts));
}

Result<RegexPtr> RegexParser::parse_group() {
  if (take("?=") || take("?!") || take("?<=") || take("?<!")) return unsupported("looking around");
  const bool is_named = take("?P<") || take("?<");
  if (is_named) {
    while (!at_end() && peek() != '>') ++at_;
    if (!take(">")) return bad("got the name of a group without \">\"");
  } else if (!take("?:") && peek() == '?') {
    return unsupported("a group with flags");
  }
  if (depth_ >= limits_.max_depth) return bad("got groups nested too deep");
  ++depth_;
  ERNIE_TRY(RegexPtr inner, parse_choice());
  --depth_;
  if (!take(")")) return bad("got \"(\" without \")\"");
  return inner;
}

Result<RegexPtr> RegexParser::parse_atom() {
  switch (peek()) {
    case '(':
      ++at_;
      return parse_group();
    case '[':
      ++at_;
      return parse_class();
    case '^':
      ++at_;
      return regex_mark(Kind::kBegin);
    case '$':
      ++at_;
      return regex_mark(Kind::kEnd);
    case '.':
      ++at_;
      return regex_set(line_ends().complement());
    case '*':
    case '+':
    case '?':
      return bad("got a quantifier without anything before it");
    case '\\': {
      ++at_;
      ERNIE_TRY(CodePointSet set, parse_escape(false));
      return regex_set(std::move(set));
    }
    default: {
      const char32_t c = take_character();
      return regex_set({{c, c}});
    }
  }
}

Result<RegexPtr> RegexParser::parse_quantifier(RegexPtr atom) {
  std::pair<uint32_t, uint32_t> times;
  if (take("*")) {
    times = {0, kUnbounded};
  } else if (take("+")) {
    times = {1, kUnbounded};
  } else if (take("?")) {
    times = {0, 1};
  } else if (const auto counted = counts()) {
    times = *counted;
  } else {
    return atom;
  }
  const bool is_mark = atom->kind == Kind::kBegin || atom->kind == Kind::kEnd;
  if (is_mark) return bad("got a quantifier behind an anchor");
  const auto too_many = [&](uint32_t n) { return n != kUnbounded && n > limits_.max_repeat; };
  if (too_many(times.first) || too_many(times.second)) {
    return fail(ErrorCode::kInvalidArgument, "got a count above {}", limits_.max_repeat);
  }
  if (times.first > times.second) return bad("got {m,n} with m above n");
  take("?");  // which of several matches is taken makes no difference to what matches
  if (peek() == '*' || peek() == '+' || peek() == '?') return bad("got two quantifiers in a row");
  return regex_repeat(std::move(atom), times.first, times.second);
}

/// {m}, {m,} or {m,n}; what only looks like it is text.
std::optional<std::pair<uint32_t, uint32_t>> RegexParser::counts() {
  if (peek() != '{') return std::nullopt;
  size_t at = at_ + 1;
  const auto number = [&]() -> std::optional<uint32_t> {
    uint64_t n = 0;
    const size_t begin = at;
    for (; at < text_.size() && text_[at] >= '0' && text_[at] <= '9'; ++at) {
      n = std::min<uint64_t>(n * 10 + static_cast<uint64_t>(text_[at] - '0'), kUnbounded - 1);
    }
    return at == begin ? std::nullopt : std::optional(static_cast<uint32_t>(n));
  };
  const auto min = number();
  if (!min) return std::nullopt;
  uint32_t max = *min;
  if (at < text_.size() && text_[at] == ',') {
    ++at;
    max = number().value_or(kUnbounded);
  }
  if (at >= text_.size() || text_[at] != '}') return std::nullopt;
  at_ = at + 1;
  return std::pair(*min, max);
}

char32_t RegexParser::take_character() {
  const Utf8Unit unit = first_utf8_unit(text_.substr(at_));
  at_ += unit.size;
  return unit.code_point;
}

Result<RegexPtr> RegexParser::parse_class() {
  const bool is_negated = take("^");
  CodePointSet set;
  while (!at_end() && peek() != ']') {
    ERNIE_TRY(const CodePointSet first, parse_class_item());
    if (peek() != '-' || peek(1) == ']' || at_ + 1 >= text_.size()) {
      set.add(first);
      continue;
    }
    ++at_;
    ERNIE_TRY(const CodePointSet last, parse_class_item());
    const auto single = [](const CodePointSet& s) {
      return s.ranges().size() == 1 && s.ranges()[0].first == s.ranges()[0].last;
    };
    if (!single(first) || !single(last)) return bad("got a range between classes");
    if (first.ranges()[0].first > last.ranges()[0].first) {
      return bad("got a range whose end is before its beginning");
    }
    set.add(first.ranges()[0].first, last.ranges()[0].first);
  }
  if (!take("]")) return bad("got \"[\" without \"]\"");
  set.normalize();
  return regex_set(is_negated ? set.complement() : std::move(set));
}

Result<CodePointSet> RegexParser::parse_class_item() {
  if (take("\\")) return parse_escape(true);
  const char32_t c = take_character();
  return CodePointSet{{c, c}};
}

Result<char32_t> RegexParser::parse_hex(size_t num_digits) {
  char32_t value = 0;
  for (size_t i = 0; i < num_digits; ++i, ++at_) {
    const char c = peek();
    if (c >= '0' && c <= '9') {
      value = value * 16 + static_cast<char32_t>(c - '0');
    } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
      value = value * 16 + static_cast<char32_t>((c | 0x20) - 'a' + 10);
    } else {
      return fail(ErrorCode::kInvalidArgument, "expected {} hexadecimal digits", num_digits);
    }
  }
  return value;
}

/// Behind "\u": four digits, a surrogate pair of such, or any number in braces.
Result<char32_t> RegexParser::parse_unicode_escape() {
  if (peek() == '{') {
    const size_t end = text_.find('}', at_);
    if (end == std::string_view::npos || end - at_ > 9) return bad("got \"\\u{\" without \"}\"");
    ++at_;
    ERNIE_TRY(const char32_t c, parse_hex(end - at_));
    ++at_;
    if (c > kMaxCodePoint) return bad("got a character above U+10FFFF");
    return c;
  }
  ERNIE_TRY(const char32_t c, parse_hex(4));
  if (c < 0xD800 || c > 0xDFFF) return c;
  if (c > 0xDBFF || !take("\\u")) return bad("got half a surrogate pair");
  ERNIE_TRY(const char32_t low, parse_hex(4));
  if (low < 0xDC00 || low > 0xDFFF) return bad("got half a surrogate pair");
  return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
}

/// Behind the backslash.
Result<CodePointSet> RegexParser::parse_escape(bool in_class) {
  if (at_end()) return bad("got a pattern that ends with a backslash");
  const char c = peek();
  const auto one = [](char32_t x) { return CodePointSet{{x, x}}; };
  const auto is_letter = [](char x) { return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z'); };
  if (!is_letter(c) && (c < '0' || c > '9')) return one(take_character());
  if (c >= '1' && c <= '9') return unsupported("a reference back to a group");
  ++at_;
  switch (c) {
    case 'd':
      return digits();
    case 'D':
      return digits().complement();
    case 'w':
      return word_characters();
    case 'W':
      return word_characters().complement();
    case 's':
      return spaces();
    case 'S':
      return spaces().complement();
    case 't':
      return one('\t');
    case 'n':
      return one('\n');
    case 'r':
      return one('\r');
    case 'f':
      return one('\f');
    case 'v':
      return one('\v');
    case '0':
      return one(0);
    case 'x': {
      ERNIE_TRY(const char32_t value, parse_hex(2));
      return one(value);
    }
    case 'u': {
      ERNIE_TRY(const char32_t value, parse_unicode_escape());
      return one(value);
    }
    case 'c':
      if (!is_letter(peek())) return bad("expected a letter behind \"\\c\"");
      return one(static_cast<char32_t>(text_[at_++] & 0x1F));
    case 'b':
      if (in_class) return one('\b');
      return unsupported("\\b");
    case 'B':
      return unsupported("\\B");
    case 'p':
    case 'P':
      return unsupported("a Unicode property");
    case 'k':
      return unsupported("a reference back to a group");
    default:
      return fail(ErrorCode::kInvalidArgument, "got the unknown escape \\{}", c);
  }
}

}  // namespace

Result<RegexPtr> parse_regex(std::string_view pattern, const GrammarLimits& limits,
                             std::string_view place) {
  return RegexParser(pattern, limits, place).parse();
}

}  // namespace ernie
