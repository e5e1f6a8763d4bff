#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/sampling_params.h"

namespace ernie {

/// The tokens of one sequence that its penalties count. Belongs to the sequence; not thread-safe.
class PenaltyState {
 public:
  struct Entry {
    int32_t token_id;
    int32_t output_count;  ///< 0: in the prompt only
  };

  PenaltyState() = default;
  explicit PenaltyState(std::span<const int32_t> prompt_ids);

  /// Counts a newly sampled token.
  void add_output(int32_t token_id);
  /// Each distinct token once, ascending by id.
  std::span<const Entry> entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// Whether sampling by `params` reads a PenaltyState at all.
bool uses_penalties(const SamplingParams& params);

/// Everything that determines one draw. Borrowed for the call.
struct SamplerRow {
  std::span<const float> logits;           ///< [vocab_size], left as they are
  const SamplingParams* params = nullptr;  ///< as `validate` accepts them for this vocab_size
  const PenaltyState* history = nullptr;   ///< may be null if !uses_penalties(*params)
  uint64_t draw_index = 0;                 ///< position of the new token in its sequence
  bool forbid_end = false;                 ///< min_tokens is not reached: end_ids cannot be drawn
  std::span<const int32_t> end_ids = {};   ///< those outside the vocabulary are ignored
  /// Token t can be drawn only if bit t % 64 of word t / 64 is set; empty: any token.
  std::span<const uint64_t> allowed = {};
};

/// Chooses the next token of one sequence. The result is a pure function of the row, bit for bit
/// on every IEEE machine (no libm in it); the object only keeps scratch memory, so one per thread.
///
/// Order, that of vLLM: forbidden ends to -inf, logit_bias, repetition penalty (x > 0 ? x / r :
/// x * r, prompt and output), frequency * count, presence (output), what is not allowed to -inf,
/// then at temperature 0 the largest logit, else divide by the temperature, softmax, and draw.
/// Candidates are thought of in one order, descending logit and ascending id; min_p, top_k and
/// top_p (of the mass that the two before it leave) each keep a prefix of it, and the draw is the
/// token whose interval of the cumulative sum holds philox_uniform(seed, kSamplingStream,
/// draw_index). top_k keeps exactly k, the lower ids of a tie. The softmax is in float32;
/// probabilities below 2^-47 of the largest count as 0 (vocabularies above 2^17 lose one more bit
/// each time they double).
class Sampler {
 public:
  static constexpr uint64_t kSamplingStream = 0;

  /// Error: a logit is NaN or +inf, or none is left above -inf. Other rows are not affected.
  Result<int32_t> sample(const SamplerRow& row);

 private:
  struct Token {
    float logit;
    int32_t id;
    uint64_t weight;
  };
  struct Weighing;
  struct Reached {
    int32_t token_id = 0;
    uint64_t mass = 0;  // of this token and all before it
  };

  std::span<const float> edited(const SamplerRow& row);
  int32_t draw(std::span<const float> logits, const Weighing& weighing, const SamplerRow& row);
  uint64_t fill_bins(std::span<const float> logits, const Weighing& weighing);
  std::span<const Token> sorted_bin(std::span<const float> logits, const Weighing& weighing,
                                    int32_t bin);
  uint64_t mass_of_first(std::span<const float> logits, const Weighing& weighing,
                         uint64_t num_tokens);
  Reached reach(std::span<const float> logits, const Weighing& weighing, uint64_t mass);

  std::vector<float> edited_;
  // The softmax as integers, so that sums do not depend on their order, and a histogram of it over
  // the logits, descending: only a bin in which something is looked for must be sorted.
  std::vector<uint64_t> bin_mass_;    // [number of bins]
  std::vector<uint32_t> bin_tokens_;  // [number of bins]
  std::vector<Token> sorted_;
};

}  // namespace ernie
