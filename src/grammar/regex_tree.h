#pragma once

/// Regular expressions over code points as trees; what a pattern, a format, a name of a property or
/// a rule of a grammar is before it becomes an automaton.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ernie {

inline constexpr char32_t kMaxCodePoint = 0x10FFFF;
inline constexpr uint32_t kUnbounded = UINT32_MAX;

/// A set of code points: ranges, both ends included, ascending and apart once normalized.
class CodePointSet {
 public:
  struct Range {
    char32_t first, last;
    friend auto operator<=>(const Range&, const Range&) = default;
  };
  CodePointSet() = default;
  CodePointSet(std::initializer_list<Range> ranges) : ranges_(ranges) { normalize(); }

  void add(char32_t first, char32_t last) { ranges_.push_back({first, last}); }
  void add(const CodePointSet& other);
  void normalize();
  CodePointSet complement() const;  ///< of a normalized one
  const std::vector<Range>& ranges() const { return ranges_; }
  friend auto operator<=>(const CodePointSet&, const CodePointSet&) = default;

 private:
  std::vector<Range> ranges_;
};

struct RegexNode;
using RegexPtr = std::shared_ptr<const RegexNode>;

struct RegexNode {
  enum class Kind : uint8_t {
    kText,      ///< these characters; empty text matches nothing but ""
    kSet,       ///< one character of it
    kSequence,  ///< the children, one after the other
    kChoice,    ///< one of the children
    kRepeat,    ///< the only child, min to max times
    kBegin,     ///< nothing, where the text begins
    kEnd,       ///< nothing, where the text ends
    kRule,      ///< another rule of a grammar
  };
  Kind kind = Kind::kText;
  std::u32string text;
  CodePointSet set;
  std::vector<RegexPtr> children;
  uint32_t min = 0, max = 0;
  uint32_t rule_id = 0;
};

RegexPtr regex_text(std::u32string text);
/// Of well-formed UTF-8; what is not becomes U+FFFD.
RegexPtr regex_text(std::string_view utf8);
RegexPtr regex_set(CodePointSet set);
RegexPtr regex_sequence(std::vector<RegexPtr> children);
RegexPtr regex_choice(std::vector<RegexPtr> children);
RegexPtr regex_repeat(RegexPtr child, uint32_t min, uint32_t max);
RegexPtr regex_mark(RegexNode::Kind begin_or_end);
RegexPtr regex_rule(uint32_t rule_id);
/// Any text that `child` matches a part of.
RegexPtr regex_search(RegexPtr child);
/// Any text of min to max characters.
RegexPtr regex_length(uint32_t min, uint32_t max);

std::u32string decode_utf8(std::string_view utf8);
void append_code_point(std::string& utf8, char32_t c);

}  // namespace ernie
