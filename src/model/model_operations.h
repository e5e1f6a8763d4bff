#pragma once

#include <optional>
#include <vector>

#include "model/model_shape.h"
#include "model/operation.h"

namespace ernie {

/// What a step of a model calls, each operation once, in the order of a layer: `num_tokens` tokens
/// by one rank, `sequences` of them as attention sees them, logits of num_logits_rows. Names are
/// unique.
std::vector<Operation> model_operations(const ModelConfig& config, Shard shard,
                                        const std::vector<QuerySpan>& sequences,
                                        int64_t num_logits_rows);

/// What another machine was published to need.
struct PublishedFigure {
  double mean_ms = 0;
  double sd_ms = 0;
  double tokens_per_s = 0;  ///< 0: not given
};

struct PublishedOperation {
  Operation operation;
  std::optional<PublishedFigure> figure;  ///< absent: it was checked, not timed
};

/// What was published for an Ascend 910 in bfloat16 on 2026-05-20: eight timings, with 512 rows
/// where the matrix products do not say how many, and five checks against a CPU.
std::vector<PublishedOperation> published_operations();

}  // namespace ernie
