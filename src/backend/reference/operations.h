#pragma once

/// The operations of backend.h as plainly as they can be written: scalar, sums in double, one
/// function each. With F64 activations nothing is rounded but what the contracts make F32; with F32
/// what is stored is rounded; with BF16 every intermediate that the Hugging Face eager
/// implementation stores is rounded where it rounds (docs/numerics.md lists them). Contracts are
/// those of backend.h. This folder shares no arithmetic with any other backend.

#include "backend/reference/values.h"

namespace ernie::reference {

void embed(const Tensor& token_ids, const Matrix& table, int64_t first_row, const Tensor& out);
void rms_norm(const Tensor& x, const Vector& weight, float eps, const Tensor& out);
void linear(const Tensor& x, const Matrix& weight, const Tensor& out);
void rope_table(const Tensor& positions, double theta, const Tensor& table);
void rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table);
void store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
              const ReferenceKvCache& cache, int64_t layer);
void attention(const Tensor& qkv, const QkvLayout& layout, const ReferenceKvCache& cache,
               int64_t layer, const AttentionBatch& batch, const Tensor& out);
void silu_mul(const Tensor& gate_up, const Tensor& out);
void add(const Tensor& x, const Tensor& y, const Tensor& out);
void route(const Tensor& logits, const Vector& bias, float norm_min, const Tensor& expert_ids,
           const Tensor& expert_weights);
void experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
             const Experts& experts, int64_t first_expert, const Tensor& out);
void gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out);
void argmax(const Tensor& logits, const Tensor& ids);

}  // namespace ernie::reference
