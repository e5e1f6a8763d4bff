#include "model/tap.h"

#include <array>

namespace ernie {

std::string_view tap_name(Tap tap) {
  static constexpr std::array<std::string_view, 11> kNames{
      "embedding", "attention", "router_logits", "expert_ids", "expert_weights", "routed",
      "shared",    "mlp",       "layer",         "final_norm", "logits"};
  return kNames[static_cast<size_t>(tap)];
}

}  // namespace ernie
