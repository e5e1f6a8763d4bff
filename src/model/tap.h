#pragma once

#include <string_view>

namespace ernie {

/// The points of a forward pass that can be looked at, in its order. Shapes: [T, hidden_size] act
/// unless something else is said.
enum class Tap {
  kEmbedding,
  kAttention,      ///< what the attention adds to the residual stream
  kRouterLogits,   ///< [T, num_experts] F32
  kExpertIds,      ///< [T, experts_per_token] I32
  kExpertWeights,  ///< [T, experts_per_token] F32
  kRouted,         ///< the sum over the chosen experts
  kShared,         ///< what the shared experts give
  kMlp,            ///< of a dense layer
  kLayer,          ///< the residual stream behind a layer
  kFinalNorm,
  kLogits,  ///< of Model::logits: what wants them asks for them, an observer is not told
};

/// "embedding", "attention", "router_logits", …
std::string_view tap_name(Tap tap);

}  // namespace ernie
