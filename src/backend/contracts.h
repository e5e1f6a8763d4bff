#pragma once

/// The shape and dtype contracts of backend.h as checks, one per operation, for every backend to
/// call first. A violation is a bug of ours and aborts.

#include "backend/operands.h"

namespace ernie::contracts {

void embed(const Tensor& token_ids, const Operand& table, const Tensor& out, DType act);
void rms_norm(const Tensor& x, const Operand& weight, const Tensor& out, DType act);
void linear(const Tensor& x, const Operand& weight, const Tensor& out, DType act);
void rope_table(const Tensor& positions, const Tensor& table);
void rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table, DType act);
void store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
              const KvCache& cache, int64_t layer, DType act);
void attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
               const AttentionBatch& batch, const Tensor& out, DType act);
void silu_mul(const Tensor& gate_up, const Tensor& out, DType act);
void add(const Tensor& x, const Tensor& y, const Tensor& out, DType act);
void route(const Tensor& logits, const Operand& bias, const Tensor& expert_ids,
           const Tensor& expert_weights);
void experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
             const Operand& experts, const Tensor& out, DType act);
void gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out, DType act);

}  // namespace ernie::contracts
