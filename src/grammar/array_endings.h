#pragma once

#include <functional>
#include <span>
#include <vector>

#include "grammar/compiled_grammar.h"

namespace ernie {

/// From where an array whose elements are counted can be finished. Bounds on several counts, rows
/// of elements that must or cannot count, and a limit of elements act together: [1,1] has no valid
/// form where one element at most may be 1, although each of its elements has. So all of them are
/// walked through once, from the last element to the first, and the matcher only looks up.
class ArrayEndings {
 public:
  /// `is_possible` tells whether some value is of a node. `shape` has counters.
  ArrayEndings(const ArrayShape& shape, const std::function<bool(NodeId)>& is_possible);

  /// Elementary operations of the constructor, which takes a bit of memory for each at most.
  static size_t work(const ArrayShape& shape);

  /// `counts` has one number for each counter: how many of the elements so far count.
  bool can_end(uint32_t num_elements, std::span<const uint32_t> counts) const;

 private:
  void walk(const ArrayShape& shape, const std::vector<uint8_t>& possible_sets);
  size_t index_of(uint32_t row, std::span<const uint32_t> counts) const;
  uint32_t row_of(uint32_t num_elements) const;

  /// More counted elements make no difference, or are too many.
  std::vector<uint32_t> largest_;
  std::vector<ArrayShape::Counter> counters_;
  size_t num_counts_ = 1;  ///< of combinations of counts
  /// Rows of the table stand for numbers of elements: up to first_middle_ each for itself; then
  /// come numbers from which so many may follow that their limit does not matter, all in one row;
  /// the last ones again each for itself.
  uint32_t first_middle_ = 0, last_ = 0, max_elements_ = 0;
  std::vector<bool> can_end_;
};

}  // namespace ernie
