#include <algorithm>

#include "base/rng.h"
#include "verify/determinism/determinism.h"

namespace ernie::verify::determinism {
namespace {

/// Draws in a fixed order for one request.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t request) : seed_(seed), request_(request) {}
  double uniform() { return philox_uniform(seed_, request_, counter_++); }
  int64_t below(int64_t end) { return static_cast<int64_t>(uniform() * static_cast<double>(end)); }
  bool chance(double probability) { return uniform() < probability; }
  float between(double low, double high) {
    return static_cast<float>(low + (high - low) * uniform());
  }

 private:
  uint64_t seed_, request_;
  uint64_t counter_ = 0;
};

/// One token, a multiple of the usual block, or anything up to `longest`.
int64_t prompt_length(Draws& draws, int64_t longest) {
  constexpr int64_t kBlock = 16;
  const double kind = draws.uniform();
  if (kind < 0.15) return 1;
  if (kind < 0.35 && longest >= kBlock) return kBlock * (1 + draws.below(longest / kBlock));
  return 1 + draws.below(longest);
}

void draw_sampling(Draws& draws, int64_t vocab_size, SamplingParams& params) {
  params.temperature = draws.chance(0.3) ? 0.0f : draws.between(0.3, 1.6);
  if (draws.chance(0.4)) params.top_k = static_cast<int32_t>(1 + draws.below(60));
  if (draws.chance(0.4)) params.top_p = draws.between(0.5, 1);
  if (draws.chance(0.3)) params.min_p = draws.between(0, 0.1);
  if (draws.chance(0.4)) params.repetition_penalty = draws.between(0.8, 1.5);
  if (draws.chance(0.3)) params.presence_penalty = draws.between(-1, 1);
  if (draws.chance(0.3)) params.frequency_penalty = draws.between(-0.5, 1);
  if (draws.chance(0.3)) {
    params.logit_bias = {{static_cast<int32_t>(draws.below(vocab_size)), draws.between(-5, 5)}};
  }
  params.seed = static_cast<uint64_t>(draws.below(int64_t{1} << 53));
}

/// Two of these fit into a cache of max_model_len tokens when they begin, but not when they end.
void make_growing(Draws& draws, const ModelConfig& config, int64_t max_model_len,
                  int64_t num_tokens, GenerationRequest& request) {
  request.prompt_ids.resize(static_cast<size_t>((max_model_len - num_tokens) / 2));
  for (TokenId& id : request.prompt_ids) id = static_cast<TokenId>(draws.below(config.vocab_size));
  request.params.max_tokens = static_cast<int32_t>(num_tokens);
  request.params.min_tokens = 0;
  request.params.ignore_eos = true;
}

}  // namespace

std::vector<GenerationRequest> random_requests(const ModelConfig& config,
                                               const DeterminismOptions& options) {
  const int64_t longest_output = std::clamp<int64_t>(options.max_model_len / 4, 1, 40);
  const int64_t longest_prompt = std::max<int64_t>(options.max_model_len - longest_output, 1);
  std::vector<GenerationRequest> requests(static_cast<size_t>(options.num_requests));
  for (size_t r = 0; r < requests.size(); ++r) {
    Draws draws(options.seed, r);
    GenerationRequest& request = requests[r];
    request.prompt_ids.resize(static_cast<size_t>(prompt_length(draws, longest_prompt)));
    for (TokenId& id : request.prompt_ids) {
      id = static_cast<TokenId>(draws.below(config.vocab_size));
    }
    draw_sampling(draws, config.vocab_size, request.params);
    request.params.max_tokens = static_cast<int32_t>(1 + draws.below(longest_output));
    request.params.min_tokens = static_cast<int32_t>(draws.below(request.params.max_tokens + 1));
    request.params.ignore_eos = draws.chance(0.7);
    if (draws.chance(0.3)) request.params.logprobs = static_cast<int32_t>(draws.below(5));
    if (draws.chance(0.3)) request.params.prompt_logprobs = 0;
    if (r < 2) make_growing(draws, config, options.max_model_len, longest_output, request);
  }
  // The second one begins as the first one does, for the prefix cache.
  const std::vector<TokenId>& first = requests[0].prompt_ids;
  std::copy_n(first.begin(), first.size() / 2, requests[1].prompt_ids.begin());
  requests[1].params.prompt_logprobs.reset();
  return requests;
}

}  // namespace ernie::verify::determinism
