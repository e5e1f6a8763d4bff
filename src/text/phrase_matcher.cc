#include "text/phrase_matcher.h"

#include <algorithm>

namespace ernie {

PhraseMatcher::PhraseMatcher(std::vector<Phrase> phrases) : phrases_(std::move(phrases)) {
  std::sort(phrases_.begin(), phrases_.end(),
            [](const Phrase& a, const Phrase& b) { return a.text < b.text; });
  for (const Phrase& phrase : phrases_) begins_with_[static_cast<uint8_t>(phrase.text[0])] = true;
}

const PhraseMatcher::Phrase* PhraseMatcher::longest_prefix(std::string_view text) const {
  if (text.empty() || !begins_with_[static_cast<uint8_t>(text[0])]) return nullptr;
  const Phrase* longest = nullptr;
  auto begin = phrases_.begin(), end = phrases_.end();
  for (size_t depth = 0; depth < text.size(); ++depth) {
    // All phrases from begin to end share the first `depth` bytes of the text and are longer.
    const auto byte = static_cast<uint8_t>(text[depth]);
    const auto byte_of = [depth](const Phrase& p) { return static_cast<uint8_t>(p.text[depth]); };
    begin = std::lower_bound(begin, end, byte,
                             [&](const Phrase& p, uint8_t value) { return byte_of(p) < value; });
    end = std::upper_bound(begin, end, byte,
                           [&](uint8_t value, const Phrase& p) { return value < byte_of(p); });
    if (begin == end) break;
    if (begin->text.size() == depth + 1) longest = &*begin++;
    if (begin == end) break;
  }
  return longest;
}

const PhraseMatcher::Phrase* PhraseMatcher::find(std::string_view text) const {
  const auto it =
      std::lower_bound(phrases_.begin(), phrases_.end(), text,
                       [](const Phrase& p, std::string_view value) { return p.text < value; });
  return it != phrases_.end() && it->text == text ? &*it : nullptr;
}

}  // namespace ernie
