#include "server/reasoning_counter.h"

#include <algorithm>

namespace ernie {

size_t ReasoningCounter::push(std::span<const TokenId> ids) {
  if (!end_) return 0;
  const auto end = std::ranges::find(ids, *end_);
  const bool has_ended = end != ids.end();
  const size_t count = static_cast<size_t>(end - ids.begin()) + (has_ended ? 1 : 0);
  if (has_ended) end_.reset();
  num_tokens_ += static_cast<int64_t>(count);
  return count;
}

}  // namespace ernie
