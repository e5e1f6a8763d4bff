#include "model/activations.h"

#include <algorithm>
#include <vector>

namespace ernie {
namespace {

constexpr size_t kAlignment = 256;  // enough for every device's vector loads

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

Result<Activations> Activations::allocate(Backend& backend, const ModelConfig& c,
                                          const ModelShape& shape, int64_t max_tokens,
                                          int64_t max_logit_rows) {
  const DType act = backend.activation_dtype();
  const int64_t t = max_tokens;
  const int64_t widest = std::max(shape.intermediate.size(), shape.shared_intermediate.size());
  const QkvLayout layout = shape.qkv_layout();
  // A whole model writes its logits where they are wanted.
  const bool is_whole = shape.vocabulary.size() == c.vocab_size;
  const int64_t local_vocabulary = is_whole ? 0 : shape.vocabulary.size();
  Activations a;
  const auto place = [](Tensor& tensor, DType dtype, const Shape& dims) {
    tensor = {nullptr, dtype, dims};
    return &tensor;
  };
  const std::vector<Tensor*> all{place(a.hidden, act, {t, c.hidden_size}),
                                 place(a.normed, act, {t, c.hidden_size}),
                                 place(a.branch, act, {t, c.hidden_size}),
                                 place(a.shared, act, {t, c.hidden_size}),
                                 place(a.qkv, act, {t, layout.row_size()}),
                                 place(a.attention, act, {t, layout.q_size()}),
                                 place(a.gate_up, act, {t * 2 * widest}),
                                 place(a.activated, act, {t * widest}),
                                 place(a.rope_table, DType::kF32, {t, c.head_dim / 2, 2}),
                                 place(a.router_logits, DType::kF32, {t, c.num_experts}),
                                 place(a.expert_ids, DType::kI32, {t, c.experts_per_token}),
                                 place(a.expert_weights, DType::kF32, {t, c.experts_per_token}),
                                 place(a.head_input, act, {max_logit_rows, c.hidden_size}),
                                 place(a.logits, act, {max_logit_rows, c.vocab_size}),
                                 place(a.local_logits, act, {max_logit_rows * local_vocabulary}),
                                 place(a.greedy_ids, DType::kI32, {max_logit_rows})};
  size_t total = 0;
  for (const Tensor* tensor : all) total += aligned(tensor->num_bytes());
  ERNIE_TRY(a.memory_, backend.allocate(total));
  auto* next = static_cast<std::byte*>(a.memory_.get());
  for (Tensor* tensor : all) {
    tensor->data = next;
    next += aligned(tensor->num_bytes());
  }
  return a;
}

Tensor first_rows(const Tensor& flat, int64_t num_rows, int64_t width) {
  return flat.rows(0, num_rows * width).reshaped({num_rows, width});
}

}  // namespace ernie
