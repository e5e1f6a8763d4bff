#include "engine/logprobs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/row_math.h"

namespace ernie {
namespace {

using Top = TokenLogprob::Top;

/// Puts (id, logit) into `top`, which is descending and at most `capacity` long. Ids come
/// ascending, so behind those of equal logit is their place.
void insert_top(std::vector<Top>& top, size_t capacity, int32_t id, float logit) {
  const auto place = std::upper_bound(top.begin(), top.end(), logit,
                                      [](float x, const Top& t) { return x > t.logprob; });
  top.insert(place, {id, logit});
  if (top.size() > capacity) top.pop_back();
}

/// Sum of exp(logit - max), which is in [1, size].
double sum_of_exponentials(std::span<const float> logits, float max_logit) {
  constexpr size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  std::array<float, kRowBlock> exponents;
  for (size_t begin = 0; begin < logits.size(); begin += kRowBlock) {
    const size_t size = std::min(kRowBlock, logits.size() - begin);
    // A whole block always, so that every row is summed in one shape; exp(-80) adds nothing.
    exponents.fill(kLeastExponent);
    for (size_t i = 0; i < size; ++i) {
      exponents[i] = clamp_exponent(logits[begin + i] - max_logit);
    }
    for (float& x : exponents) x = exp_nonpositive(x);
    for (size_t i = 0; i < kRowBlock; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane)
        sums[lane] += static_cast<double>(exponents[i + lane]);
    }
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// What one pass over a row finds out, `top` still with logits.
struct RowScan {
  float max_logit = -std::numeric_limits<float>::infinity();
  int32_t rank = 1;
  std::vector<Top> top;
};

Result<RowScan> scan_row(std::span<const float> logits, size_t chosen, size_t num_top) {
  RowScan scan;
  scan.top.reserve(num_top + 1);
  const float chosen_logit = logits[chosen];
  for (size_t begin = 0; begin < logits.size(); begin += kRowBlock) {
    const auto block = logits.subspan(begin, std::min(kRowBlock, logits.size() - begin));
    const BlockRange range = block_range(block);
    if (!range.valid) return invalid_logits_error(logits);
    scan.max_logit = std::max(scan.max_logit, range.max);
    if (range.max >= chosen_logit) {
      const size_t num_lower_ids = std::clamp(chosen, begin, begin + block.size()) - begin;
      for (const float x : block.first(num_lower_ids)) scan.rank += x >= chosen_logit;
      for (const float x : block.subspan(num_lower_ids)) scan.rank += x > chosen_logit;
    }
    const auto enters_top = [&](float logit) {
      return scan.top.size() < num_top || (num_top > 0 && logit > scan.top.back().logprob);
    };
    if (!enters_top(range.max)) continue;
    for (size_t i = 0; i < block.size(); ++i) {
      if (enters_top(block[i])) {
        insert_top(scan.top, num_top, static_cast<int32_t>(begin + i), block[i]);
      }
    }
  }
  if (scan.max_logit == -std::numeric_limits<float>::infinity()) return no_candidate_error();
  return scan;
}

}  // namespace

Result<TokenLogprob> compute_logprob(std::span<const float> logits, int32_t token_id,
                                     int32_t num_top) {
  const size_t chosen = static_cast<size_t>(token_id);
  ERNIE_CHECK(token_id >= 0 && chosen < logits.size() && num_top >= 0,
              "token {} of {}, {} likeliest", token_id, logits.size(), num_top);
  ERNIE_TRY(RowScan scan,
            scan_row(logits, chosen, std::min(static_cast<size_t>(num_top), logits.size())));
  const double log_sum = std::log(sum_of_exponentials(logits, scan.max_logit));
  const auto logprob = [&](float logit) {
    return static_cast<float>((static_cast<double>(logit) - scan.max_logit) - log_sum);
  };
  for (Top& top : scan.top) top.logprob = logprob(top.logprob);
  return TokenLogprob{token_id, logprob(logits[chosen]), scan.rank, std::move(scan.top)};
}

}  // namespace ernie
