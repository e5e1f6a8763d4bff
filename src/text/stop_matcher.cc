#include "text/stop_matcher.h"

#include <algorithm>

namespace ernie {

StopMatcher::StopMatcher(std::vector<std::string> stop_strings, bool include_stop)
    : include_stop_(include_stop) {
  for (size_t i = 0; i < stop_strings.size(); ++i) {
    if (stop_strings[i].empty()) continue;
    Stop stop{std::move(stop_strings[i]), i, {}, 0};
    stop.fallback.assign(stop.text.size() + 1, 0);
    for (size_t length = 1; length < stop.text.size(); ++length) {
      advance(stop, stop.text[length]);
      stop.fallback[length + 1] = stop.num_matched;
    }
    stop.num_matched = 0;
    stops_.push_back(std::move(stop));
  }
}

void StopMatcher::advance(Stop& stop, char c) const {
  size_t& matched = stop.num_matched;
  while (matched > 0 && stop.text[matched] != c) matched = stop.fallback[matched];
  if (stop.text[matched] == c) ++matched;
}

const StopMatcher::Stop* StopMatcher::longest_match() const {
  const auto it = std::max_element(stops_.begin(), stops_.end(), [](const Stop& a, const Stop& b) {
    return a.num_matched < b.num_matched;
  });
  return it == stops_.end() ? nullptr : &*it;
}

StopMatcher::Output StopMatcher::push(std::string_view piece) {
  Output output;
  if (ended_) return output;
  // What is held back is the longest beginning of a stop string; it need not be stored apart.
  const Stop* held = longest_match();
  const size_t num_held = held == nullptr ? 0 : held->num_matched;
  const auto take = [&](size_t num_bytes) {
    const size_t from_held = std::min(num_bytes, num_held);
    if (from_held > 0) output.text.append(held->text, 0, from_held);
    output.text += piece.substr(0, num_bytes - from_held);
  };
  for (size_t i = 0; i < piece.size(); ++i) {
    const Stop* match = nullptr;
    for (Stop& stop : stops_) {
      advance(stop, piece[i]);
      if (stop.num_matched < stop.text.size()) continue;
      if (match == nullptr || stop.text.size() > match->text.size()) match = &stop;
    }
    if (match == nullptr) continue;
    take(num_held + i + 1 - (include_stop_ ? 0 : match->text.size()));
    output.stop = match->index;
    ended_ = true;
    return output;
  }
  const Stop* still_held = longest_match();
  take(num_held + piece.size() - (still_held == nullptr ? 0 : still_held->num_matched));
  return output;
}

std::string StopMatcher::finish() {
  const Stop* held = longest_match();
  if (ended_ || held == nullptr) return {};
  ended_ = true;
  return held->text.substr(0, held->num_matched);
}

}  // namespace ernie
