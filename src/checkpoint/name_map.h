#pragma once

/// Where the known kinds of checkpoint keep each tensor of the model.

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/weight_source.h"

namespace ernie {

enum class Layout {
  kHuggingFace,  ///< `model.` names, matrices [out, in], experts one by one or stacked
  kPaddle,       ///< `ernie.` names, matrices [in, out], some of them side by side in one
};

std::string_view layout_name(Layout layout);

/// A place where a tensor may be stored, and how to get it from there.
struct StoredForm {
  std::string name;
  Shape shape;                ///< of the stored tensor
  int64_t first_element = 0;  ///< where the wanted part begins in it
  /// The wanted [out, in] is the stored [in, out_total] from column first_element on, transposed.
  /// Otherwise it lies in one piece.
  bool is_transposed = false;
};

/// All places of a tensor in that layout, the usual one first. Several may have the same name with
/// different shapes.
std::vector<StoredForm> stored_forms(const TensorSpec& tensor, const ModelConfig& config,
                                     Layout layout);

/// Tensors that belong to no part of the model which this program runs.
enum class IgnoredKind {
  kNone,
  kMtp,        ///< multi-token prediction head
  kDerivable,  ///< rotary frequencies, which follow from the config
  kTiedHead,   ///< lm_head.weight beside a tied embedding
};

IgnoredKind ignored_kind(std::string_view name, const ModelConfig& config);

}  // namespace ernie
