#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "grammar/compile_budget.h"
#include "grammar/regex_tree.h"

namespace ernie {

/// A deterministic automaton over code points. From every state of it some text is accepted, so
/// that whoever has come so far can come to an end. Immutable.
class Dfa {
 public:
  static constexpr uint32_t kDead = UINT32_MAX;
  static constexpr uint64_t kInfinite = UINT64_MAX;

  uint64_t id() const { return id_; }        ///< no other automaton of the process has it
  uint32_t start() const { return start_; }  ///< kDead: it accepts nothing
  size_t num_bytes() const { return next_.size() * 4 + num_states() * 14 + firsts_.size() * 8; }
  size_t num_states() const { return accepting_.size(); }
  bool accepts(uint32_t state) const { return accepting_[state]; }
  uint32_t next(uint32_t state, char32_t c) const {
    return next_[state * num_classes_ + (c < 128 ? ascii_[c] : class_of(c))];
  }
  /// Whether a character from first to last may follow.
  bool can_follow(uint32_t state, char32_t first, char32_t last) const;
  /// Whether any may.
  bool has_next(uint32_t state) const { return has_next_[state]; }
  /// How many texts it accepts from a state, kInfinite if 2^32 or more.
  uint64_t num_texts(uint32_t state) const { return num_texts_[state]; }
  /// How many of those begin with a character from first to last.
  uint64_t num_texts(uint32_t state, char32_t first, char32_t last) const;
  /// What the maker says about an accepting state.
  uint32_t mark(uint32_t state) const { return marks_[state]; }
  /// The state behind a text, kDead if nothing that begins so is accepted.
  uint32_t state_after(std::u32string_view text) const;
  /// The same without the accepting states whose mark is not kept.
  std::shared_ptr<const Dfa> restricted(const std::function<bool(uint32_t mark)>& keeps) const;

 private:
  friend class Determinizer;
  Dfa();
  Dfa(const Dfa&) = default;
  uint32_t class_of(char32_t c) const;
  void count_texts();
  void trim();

  uint64_t id_;
  uint32_t start_ = kDead;
  uint32_t num_classes_ = 1;
  std::vector<uint32_t> ascii_;    // [128] class of a character
  std::vector<char32_t> firsts_;   // of the ranges, ascending
  std::vector<uint32_t> classes_;  // of the ranges
  std::vector<uint32_t> next_;     // [num_states][num_classes]
  std::vector<uint64_t> class_sizes_;
  std::vector<uint8_t> accepting_, has_next_;
  std::vector<uint64_t> num_texts_;
  std::vector<uint32_t> marks_;
};
using DfaPtr = std::shared_ptr<const Dfa>;

/// Decides by which of the expressions match a text, ascending ids, whether it is accepted: the
/// mark of the state, or kDead if not.
using AcceptRule = std::function<uint32_t(std::span<const uint32_t> matching)>;

/// One automaton for any Boolean combination of expressions. Error: it needs more than the budget
/// allows; `place` stands before the message.
Result<DfaPtr> make_dfa(std::span<const RegexPtr> expressions, const AcceptRule& rule,
                        CompileBudget& budget, std::string_view place);
/// The automaton of one expression.
Result<DfaPtr> make_dfa(const RegexPtr& expression, CompileBudget& budget, std::string_view place);

}  // namespace ernie
