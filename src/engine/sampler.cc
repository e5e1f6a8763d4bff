#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/rng.h"
#include "engine/row_math.h"

namespace ernie {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr size_t kNumBins = 2048;
/// The largest weight is 2^46: the rounding of exp is below it, and 2^17 of them fit 63 bits.
constexpr int kMaxWeightBits = 46;
/// In units of the temperature; e^-33 * 2^46 rounds to 0.
constexpr float kWidth = 33.0f;

bool has_edits(const SamplerRow& row) {
  return (row.forbid_end && !row.end_ids.empty()) || !row.params->logit_bias.empty() ||
         uses_penalties(*row.params) || !row.allowed.empty();
}

float finite(float x) { return std::clamp(x, -kLargest, kLargest); }

void apply_penalties(const SamplingParams& params, const PenaltyState& history,
                     std::span<float> logits) {
  for (const auto& [id, output_count] : history.entries()) {
    float& x = logits[static_cast<size_t>(id)];
    if (!std::isfinite(x)) continue;
    // A penalty far from 1 may overflow, but only the model and min_tokens rule a token out.
    x = finite(x > 0 ? x / params.repetition_penalty : x * params.repetition_penalty);
    if (output_count == 0) continue;
    x = finite(x - params.frequency_penalty * static_cast<float>(output_count));
    x = finite(x - params.presence_penalty);
  }
}

void forbid_others(std::span<const uint64_t> allowed, std::span<float> logits) {
  for (size_t word = 0; word * 64 < logits.size(); ++word) {
    const uint64_t bits = word < allowed.size() ? allowed[word] : 0;
    if (bits == ~uint64_t{0}) continue;
    const size_t begin = word * 64, size = std::min<size_t>(64, logits.size() - begin);
    for (size_t i = 0; i < size; ++i) {
      float& x = logits[begin + i];
      // What makes the row invalid must stay in sight.
      x = (bits >> i & 1) != 0 || !(std::abs(x) <= kLargest) ? x : -kInfinity;
    }
  }
}

struct Largest {
  float min, max;  // of the row
  size_t id;       // the lowest with the value max
};

Result<Largest> find_largest(std::span<const float> logits) {
  Largest row{kInfinity, -kInfinity, 0};
  size_t best_begin = 0;
  for (size_t begin = 0; begin < logits.size(); begin += kRowBlock) {
    const BlockRange range =
        block_range(logits.subspan(begin, std::min(kRowBlock, logits.size() - begin)));
    if (!range.valid) return invalid_logits_error(logits);
    row.min = std::min(row.min, range.min);
    if (range.max > row.max) {
      row.max = range.max;
      best_begin = begin;
    }
  }
  if (row.max == -kInfinity) return no_candidate_error();
  row.id = best_begin;
  while (logits[row.id] != row.max) ++row.id;
  return row;
}

}  // namespace

PenaltyState::PenaltyState(std::span<const int32_t> prompt_ids) {
  std::vector<int32_t> ids(prompt_ids.begin(), prompt_ids.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  entries_.reserve(ids.size());
  for (const int32_t id : ids) entries_.push_back({id, 0});
}

void PenaltyState::add_output(int32_t token_id) {
  const auto place = std::lower_bound(entries_.begin(), entries_.end(), token_id,
                                      [](const Entry& e, int32_t id) { return e.token_id < id; });
  if (place != entries_.end() && place->token_id == token_id) {
    ++place->output_count;
  } else {
    entries_.insert(place, {token_id, 1});
  }
}

bool uses_penalties(const SamplingParams& params) {
  return params.repetition_penalty != 1 || params.presence_penalty != 0 ||
         params.frequency_penalty != 0;
}

/// How a logit becomes a weight and a place in the histogram.
struct Sampler::Weighing {
  float max_logit;
  float inverse_temperature;
  float min_p;
  double scale;  // weight of the likeliest token, a power of two
  float bins_per_logit;

  Weighing(const Largest& row, const SamplingParams& params, size_t vocab_size)
      : max_logit(row.max),
        inverse_temperature(std::min(1.0f / params.temperature, kLargest)),
        min_p(params.min_p),
        scale(std::ldexp(
            1.0, std::min(kMaxWeightBits, 63 - static_cast<int>(std::bit_width(vocab_size))))) {
    float width = kWidth * params.temperature;
    const float used = row.max - row.min;
    if (used > 0 && used < width) width = used;
    bins_per_logit = std::min(static_cast<float>(kNumBins) / width, kLargest);
  }

  float exponent(float logit) const {
    return clamp_exponent((logit - max_logit) * inverse_temperature);
  }
  /// Share of the likeliest token's probability.
  float share(float exponent) const {
    const float exact = exp_nonpositive(exponent);
    return exact < min_p ? 0.0f : exact;
  }
  uint64_t weight(float share) const {
    // With 2^52 added, the mantissa is the rounded integer.
    constexpr uint64_t kMantissa = (uint64_t{1} << 52) - 1;
    return std::bit_cast<uint64_t>(static_cast<double>(share) * scale + 0x1p52) & kMantissa;
  }
  int32_t bin(float logit) const {
    constexpr float kLast = kNumBins - 1;
    const float place = (max_logit - logit) * bins_per_logit;
    return static_cast<int32_t>(place < kLast ? place : kLast);
  }
};

Result<int32_t> Sampler::sample(const SamplerRow& row) {
  const auto logits = has_edits(row) ? edited(row) : row.logits;
  ERNIE_TRY(const Largest largest, find_largest(logits));
  if (row.params->temperature == 0 || row.params->top_k == 1) {
    return static_cast<int32_t>(largest.id);
  }
  return draw(logits, Weighing(largest, *row.params, logits.size()), row);
}

std::span<const float> Sampler::edited(const SamplerRow& row) {
  const SamplingParams& params = *row.params;
  edited_.assign(row.logits.begin(), row.logits.end());
  if (row.forbid_end) {
    for (const int32_t id : row.end_ids) {
      if (id < 0 || static_cast<size_t>(id) >= edited_.size()) continue;
      float& x = edited_[static_cast<size_t>(id)];
      if (std::isfinite(x)) x = -kInfinity;  // what makes the row invalid must stay in sight
    }
  }
  for (const auto& [id, bias] : params.logit_bias) edited_[static_cast<size_t>(id)] += bias;
  if (uses_penalties(params)) {
    ERNIE_CHECK(row.history != nullptr, "penalties without a history");
    apply_penalties(params, *row.history, edited_);
  }
  if (!row.allowed.empty()) forbid_others(row.allowed, edited_);
  return edited_;
}

/// Fills the histogram; returns the mass of all tokens.
uint64_t Sampler::fill_bins(std::span<const float> logits, const Weighing& weighing) {
  bin_mass_.assign(kNumBins, 0);
  bin_tokens_.assign(kNumBins, 0);
  std::array<float, kRowBlock> shares;
  std::array<uint64_t, kRowBlock> weights;
  std::array<int32_t, kRowBlock> bins;
  uint64_t mass = 0;
  for (size_t begin = 0; begin < logits.size(); begin += kRowBlock) {
    const size_t size = std::min(kRowBlock, logits.size() - begin);
    const float* block = logits.data() + begin;
    for (size_t i = 0; i < size; ++i) shares[i] = weighing.exponent(block[i]);
    for (size_t i = 0; i < size; ++i) shares[i] = weighing.share(shares[i]);
    for (size_t i = 0; i < size; ++i) weights[i] = weighing.weight(shares[i]);
    for (size_t i = 0; i < size; ++i) bins[i] = weighing.bin(block[i]);
    for (size_t i = 0; i < size; ++i) {
      const auto bin = static_cast<size_t>(bins[i]);
      bin_mass_[bin] += weights[i];
      bin_tokens_[bin] += weights[i] != 0;
      mass += weights[i];
    }
  }
  return mass;
}

/// The tokens of positive weight in one bin, descending.
std::span<const Sampler::Token> Sampler::sorted_bin(std::span<const float> logits,
                                                    const Weighing& weighing, int32_t bin) {
  sorted_.clear();
  for (size_t begin = 0; begin < logits.size(); begin += kRowBlock) {
    const auto block = logits.subspan(begin, std::min(kRowBlock, logits.size() - begin));
    uint32_t num_found = 0;
    for (const float logit : block) num_found += weighing.bin(logit) == bin;
    if (num_found == 0) continue;
    for (size_t i = 0; i < block.size(); ++i) {
      if (weighing.bin(block[i]) != bin) continue;
      const uint64_t weight = weighing.weight(weighing.share(weighing.exponent(block[i])));
      if (weight != 0) sorted_.push_back({block[i], static_cast<int32_t>(begin + i), weight});
    }
  }
  const auto before = [](const Token& a, const Token& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  // Rows of equal logits come sorted.
  if (!std::is_sorted(sorted_.begin(), sorted_.end(), before)) {
    std::sort(sorted_.begin(), sorted_.end(), before);
  }
  return sorted_;
}

uint64_t Sampler::mass_of_first(std::span<const float> logits, const Weighing& weighing,
                                uint64_t num_tokens) {
  uint64_t mass = 0;
  size_t bin = 0;
  for (; bin < kNumBins && bin_tokens_[bin] <= num_tokens; ++bin) {
    mass += bin_mass_[bin];
    num_tokens -= bin_tokens_[bin];
  }
  if (bin == kNumBins || num_tokens == 0) return mass;
  for (const Token& token :
       sorted_bin(logits, weighing, static_cast<int32_t>(bin)).first(num_tokens)) {
    mass += token.weight;
  }
  return mass;
}

/// The first token up to and with which the mass is at least `mass`, from 1 to that of all tokens.
Sampler::Reached Sampler::reach(std::span<const float> logits, const Weighing& weighing,
                                uint64_t mass) {
  uint64_t reached = 0;
  size_t bin = 0;
  for (; reached + bin_mass_[bin] < mass; ++bin) reached += bin_mass_[bin];
  for (const Token& token : sorted_bin(logits, weighing, static_cast<int32_t>(bin))) {
    reached += token.weight;
    if (reached >= mass) return {token.id, reached};
  }
  ERNIE_CHECK(false, "bin {} holds less than its mass {}", bin, bin_mass_[bin]);
  return {};
}

int32_t Sampler::draw(std::span<const float> logits, const Weighing& weighing,
                      const SamplerRow& row) {
  const SamplingParams& params = *row.params;
  uint64_t mass = fill_bins(logits, weighing);
  if (params.top_k > 0) {
    mass = mass_of_first(logits, weighing, static_cast<uint64_t>(params.top_k));
  }
  if (params.top_p < 1) {
    const double wanted = std::ceil(static_cast<double>(params.top_p) * static_cast<double>(mass));
    mass = reach(logits, weighing, static_cast<uint64_t>(wanted)).mass;
  }
  const double uniform = philox_uniform(params.seed, kSamplingStream, row.draw_index);
  const auto below = static_cast<uint64_t>(uniform * static_cast<double>(mass));
  return reach(logits, weighing, std::min(below, mass - 1) + 1).token_id;
}

}  // namespace ernie
