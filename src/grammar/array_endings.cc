#include "grammar/array_endings.h"

#include <algorithm>
#include <array>

namespace ernie {
namespace {

uint32_t largest_count(const ArrayShape::Counter& counter) {
  return counter.max == kUnbounded ? counter.min : counter.max;
}

size_t num_combinations(const ArrayShape& shape) {
  size_t n = 1;
  for (const ArrayShape::Counter& counter : shape.counters) n *= largest_count(counter) + size_t{1};
  return n;
}

/// Elements that may be necessary to reach every least count.
uint64_t sum_of_least(const ArrayShape& shape) {
  uint64_t sum = 0;
  for (const ArrayShape::Counter& counter : shape.counters) sum += counter.min;
  return sum;
}

uint32_t num_listed(const ArrayShape& shape) {
  return static_cast<uint32_t>(shape.elements.size() - 1);
}

/// Behind the listed elements, where not even min_elements matters any more if elements that count
/// for no upper bound can always be added. Where there are none, each further element counts for
/// one, so their number is bounded.
uint64_t begin_of_middle(const ArrayShape& shape, bool has_filler) {
  const uint64_t listed = num_listed(shape);
  if (has_filler) return listed;
  uint64_t most = listed;
  for (const ArrayShape::Counter& counter : shape.counters) {
    if (counter.max != kUnbounded) most += counter.max;
  }
  return std::max(listed, std::min<uint64_t>(shape.min_elements, most + 1));
}

uint64_t num_rows(uint64_t first_middle, const ArrayShape& shape) {
  return std::min<uint64_t>(shape.max_elements, first_middle + sum_of_least(shape) + 1) + 1;
}

}  // namespace

size_t ArrayEndings::work(const ArrayShape& shape) {
  const uint64_t rows = num_rows(begin_of_middle(shape, false), shape);
  return (rows * num_combinations(shape)) << shape.counters.size();
}

ArrayEndings::ArrayEndings(const ArrayShape& shape, const std::function<bool(NodeId)>& is_possible)
    : counters_(shape.counters), max_elements_(shape.max_elements) {
  for (const ArrayShape::Counter& counter : counters_) largest_.push_back(largest_count(counter));
  num_counts_ = num_combinations(shape);
  std::vector<uint8_t> possible_sets;  // of each row: bit s for the set s of counters
  for (const std::vector<NodeId>& row : shape.elements) {
    uint8_t sets = 0;
    for (size_t set = 0; set < row.size(); ++set) {
      if (row[set] != kNoNode && is_possible(row[set])) sets |= static_cast<uint8_t>(1u << set);
    }
    possible_sets.push_back(sets);
  }
  bool has_filler = false;
  for (size_t set = 0; set < size_t{1} << counters_.size(); ++set) {
    bool is_free = (possible_sets.back() >> set & 1) != 0;
    for (size_t c = 0; c < counters_.size(); ++c) {
      is_free = is_free && ((set >> c & 1) == 0 || counters_[c].max == kUnbounded);
    }
    has_filler = has_filler || is_free;
  }
  first_middle_ = static_cast<uint32_t>(begin_of_middle(shape, has_filler));
  last_ = static_cast<uint32_t>(num_rows(first_middle_, shape) - 1);
  if (shape.min_elements <= shape.max_elements) walk(shape, possible_sets);
}

void ArrayEndings::walk(const ArrayShape& shape, const std::vector<uint8_t>& possible_sets) {
  can_end_.assign((size_t{last_} + 1) * num_counts_, false);
  const uint32_t min_elements = std::min(shape.min_elements, first_middle_);
  const size_t num_counters = counters_.size();
  std::array<uint32_t, ArrayShape::kMaxCounters> counts{}, after{};
  for (uint32_t row = last_ + 1; row-- > 0;) {
    const uint8_t sets = possible_sets[std::min(row, num_listed(shape))];
    for (size_t i = 0; i < num_counts_; ++i) {
      size_t rest = i;
      bool is_enough = row >= min_elements;
      for (size_t c = 0; c < num_counters; ++c) {
        counts[c] = static_cast<uint32_t>(rest % (largest_[c] + size_t{1}));
        rest /= largest_[c] + size_t{1};
        is_enough = is_enough && counts[c] >= counters_[c].min;
      }
      bool can_end = is_enough;
      for (size_t set = 0; !can_end && row < last_ && set < size_t{1} << num_counters; ++set) {
        if ((sets >> set & 1) == 0) continue;
        bool fits = true;
        after = counts;
        for (size_t c = 0; c < num_counters; ++c) {
          if ((set >> c & 1) == 0) continue;
          fits = fits && after[c] < counters_[c].max;
          after[c] = std::min(after[c] + 1, largest_[c]);
        }
        can_end = fits && can_end_[index_of(row + 1, std::span(after).first(num_counters))];
      }
      can_end_[size_t{row} * num_counts_ + i] = can_end;
    }
  }
}

size_t ArrayEndings::index_of(uint32_t row, std::span<const uint32_t> counts) const {
  size_t index = 0;
  for (size_t c = counts.size(); c-- > 0;) {
    index = index * (largest_[c] + size_t{1}) + std::min(counts[c], largest_[c]);
  }
  return size_t{row} * num_counts_ + index;
}

uint32_t ArrayEndings::row_of(uint32_t num_elements) const {
  if (num_elements <= first_middle_) return num_elements;
  const uint32_t remaining = max_elements_ - num_elements;
  return remaining >= last_ - first_middle_ ? first_middle_ : last_ - remaining;
}

bool ArrayEndings::can_end(uint32_t num_elements, std::span<const uint32_t> counts) const {
  if (can_end_.empty() || num_elements > max_elements_) return false;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] > counters_[c].max) return false;
  }
  return can_end_[index_of(row_of(num_elements), counts)];
}

}  // namespace ernie
