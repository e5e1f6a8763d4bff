#include "cli/nearest_name.h"

#include <algorithm>
#include <vector>

namespace ernie {
namespace {

// Longer words are nobody's slip, and would cost time.
constexpr size_t kMaxLength = 64;

std::string_view without_dashes(std::string_view name) {
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
  return name;
}

/// Letters that are missing, too many, another or changed places with the next one.
size_t num_slips(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> slips((a.size() + 1) * width);
  for (size_t j = 0; j < width; ++j) slips[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t* row = &slips[i * width];
    const size_t* above = row - width;
    row[0] = i;
    for (size_t j = 1; j < width; ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      const bool is_swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swapped) row[j] = std::min(row[j], (above - width)[j - 2] + 1);
    }
  }
  return slips.back();
}

}  // namespace

std::string nearest_name(std::string_view word, std::span<const std::string> names) {
  word = without_dashes(word);
  if (word.empty() || word.size() > kMaxLength) return {};
  const std::string *nearest = nullptr, *longer = nullptr;
  size_t least = std::max<size_t>(word.size() / 4, 1) + 1, num_longer = 0;
  for (const std::string& name : names) {
    const std::string_view bare = without_dashes(name);
    if (bare.starts_with(word)) {
      longer = &name;
      ++num_longer;
    }
    // A single letter is no slip of another one.
    if (std::max(bare.size(), word.size()) < 3 && bare != word) continue;
    const size_t slips = num_slips(word, bare);
    if (slips >= least) continue;
    least = slips;
    nearest = &name;
  }
  if (nearest == nullptr && num_longer == 1) nearest = longer;
  return nearest == nullptr ? std::string() : *nearest;
}

std::string suggestion(std::string_view word, std::span<const std::string> names) {
  const std::string nearest = nearest_name(word, names);
  return nearest.empty() ? std::string() : "; did you mean " + nearest + "?";
}

}  // namespace ernie
