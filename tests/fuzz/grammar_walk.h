#pragma once

// For fuzz targets: an output of a grammar drawn by the fuzzer's bytes.

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "grammar/token_grammar.h"

namespace ernie::fuzzing {

inline void require(bool condition) {
  if (!condition) std::abort();
}

/// Each byte chooses one of the allowed tokens; one that is allowed must be accepted, one that is
/// not must be refused.
inline void walk_grammar(const GrammarPtr& grammar, std::string_view choices) {
  static const auto kTokenizer = Tokenizer::load(ERNIE_SOURCE_DIR "/models/demo").value();
  static const auto kVocabulary = TokenVocabulary::create(*kTokenizer, kTokenizer->vocab_size());
  const auto constraint = make_constraint(grammar, kVocabulary);
  const auto vocab_size = static_cast<size_t>(kVocabulary->vocab_size());
  for (const char choice : choices.substr(0, 64)) {
    std::vector<uint64_t> mask((vocab_size + 63) / 64, ~uint64_t{0});
    constraint->restrict_to_allowed(mask);
    std::vector<TokenId> allowed;
    for (size_t t = 0; t < vocab_size; ++t) {
      const bool is_allowed = (mask[t / 64] >> t % 64 & 1) != 0;
      if (is_allowed) allowed.push_back(static_cast<TokenId>(t));
    }
    const auto number = static_cast<uint8_t>(choice);
    const size_t other = number * size_t{5} % vocab_size;
    if ((mask[other / 64] >> other % 64 & 1) == 0) {
      require(!constraint->accept(static_cast<TokenId>(other)));
    }
    if (allowed.empty()) return;
    require(constraint->accept(allowed[number * allowed.size() / 256]));
  }
}

/// What stands before the first line that is "---", and what stands behind it.
inline std::pair<std::string_view, std::string_view> source_and_choices(const uint8_t* data,
                                                                        size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find("\n---\n");
  if (end == std::string_view::npos) return {text, "abcdefghijklmnop"};
  return {text.substr(0, end), text.substr(end + 5)};
}

/// Bounds that leave a fuzzer time for many inputs.
inline GrammarLimits small_limits() {
  GrammarLimits limits;
  limits.max_work = 1'000'000;
  limits.max_states = 1000;
  limits.max_repeat = 300;
  return limits;
}

/// An error must be one line.
inline void check(const Result<GrammarPtr>& grammar, std::string_view choices) {
  if (grammar) return walk_grammar(*grammar, choices);
  require(!grammar.error().message.empty());
  require(grammar.error().message.find('\n') == std::string::npos);
}

}  // namespace ernie::fuzzing
