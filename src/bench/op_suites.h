#pragma once

#include <optional>
#include <vector>

#include "model/model_operations.h"

namespace ernie::bench {

/// An operation to measure.
struct OpCase {
  Operation operation;
  std::optional<PublishedFigure> published;
};

/// The rows of published_operations() that were timed.
std::vector<OpCase> published_suite();

/// Every operation of model_operations(), for one decode step of 1, 4 and 16 sequences at three
/// depths and for prompts of 128 and 512 tokens. Cases that share weights stand one after another.
std::vector<OpCase> model_suite(const ModelConfig& config);

}  // namespace ernie::bench
