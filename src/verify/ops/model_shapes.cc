#include "verify/ops/model_shapes.h"

#include <algorithm>

namespace ernie::verify::ops {
namespace {

bool have_equal_shapes(const Operation& a, const Operation& b) {
  return std::ranges::equal(a.operands, b.operands, [](const OperandSpec& x, const OperandSpec& y) {
    return x.kind == y.kind && x.shape == y.shape && x.matrix_use == y.matrix_use;
  });
}

const OperandSpec& operand_of(const Operation& operation, OperandKind kind) {
  return *std::ranges::find(operation.operands, kind, &OperandSpec::kind);
}

}  // namespace

std::vector<Operation> model_calls(std::string_view op, int num_ranks) {
  const ModelConfig config = *preset_model_config("21b");
  std::vector<Operation> calls;
  for (int rank = 0; rank < num_ranks; ++rank) {
    for (Operation& call : model_operations(config, {rank, num_ranks}, {{1, 1}}, 1)) {
      const auto is_same = [&](const Operation& c) { return have_equal_shapes(c, call); };
      if (call.op != op || std::ranges::any_of(calls, is_same)) continue;
      calls.push_back(std::move(call));
    }
  }
  return calls;
}

std::vector<Operation> published_checks(std::string_view op) {
  std::vector<Operation> checks;
  for (PublishedOperation& published : published_operations()) {
    const bool is_check = !published.figure && published.operation.op == op;
    if (is_check) checks.push_back(std::move(published.operation));
  }
  return checks;
}

QkvLayout layout_of(const Operation& operation) {
  const Shape& cache = operand_of(operation, OperandKind::kCache).shape;
  const int64_t kv_heads = cache[2], head_dim = cache[3];
  const int64_t row_size = operand_of(operation, OperandKind::kActivation).shape[1];
  return {row_size / head_dim - 2 * kv_heads, kv_heads, head_dim};
}

std::vector<QuerySpan> sequences_of(const Operation& operation) {
  // The given ids: where each sequence's queries begin, then the contexts.
  const auto starts =
      std::ranges::find(operation.operands, Contents::kGiven, &OperandSpec::contents);
  const std::vector<int32_t>& contexts = std::next(starts)->values;
  std::vector<QuerySpan> sequences;
  for (size_t i = 0; i < contexts.size(); ++i) {
    sequences.push_back({starts->values[i + 1] - starts->values[i], contexts[i]});
  }
  return sequences;
}

const std::vector<QkvLayout>& shard_layouts() {
  static const std::vector<QkvLayout> kLayouts = [] {
    std::vector<QkvLayout> layouts;
    for (const int num_ranks : {2, 4, 8}) {
      for (const Operation& call : model_calls("store_kv", num_ranks)) {
        layouts.push_back(layout_of(call));
      }
    }
    return layouts;
  }();
  return kLayouts;
}

}  // namespace ernie::verify::ops
