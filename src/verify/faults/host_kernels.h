#pragma once

/// The operations in double on host arrays, each with the faults it can have. They share no code
/// with the oracle: without a fault they are a second opinion on it.

#include <cstdint>
#include <span>
#include <vector>

#include "backend/operands.h"
#include "verify/faults/fault.h"

namespace ernie::verify::host {

using Values = std::vector<double>;

/// A fault, and the types that results are rounded to.
struct Mode {
  Quirk quirk = Quirk::kNone;
  DType act = DType::kF32;
  DType out = DType::kF32;
};

/// y [M, N] from x [M, K] and w [N, K].
Values linear(const Values& x, const Values& w, int64_t in, const Mode& mode);
/// x [T, H], weight [H].
Values norm(const Values& x, const Values& weight, float eps, const Mode& mode);
/// [T, pairs, 2].
Values rope_table(const std::vector<int32_t>& positions, double theta, int64_t num_pairs,
                  const Mode& mode);
/// qkv [T, row_size], table as above.
Values rope(Values qkv, const QkvLayout& layout, const Values& table, const Mode& mode);
/// gate_up [T, 2 * width].
Values silu_mul(const Values& gate_up, int64_t width, const Mode& mode);
Values add(const Values& x, const Values& y, const Mode& mode);
/// logits [N, vocabulary].
std::vector<int32_t> argmax(const Values& logits, int64_t vocabulary, const Mode& mode);

struct Routing {
  std::vector<int32_t> ids;
  Values weights;
};
/// logits [T, E], bias [E].
Routing route(const Values& logits, const Values& bias, int64_t chosen, float norm_min,
              const Mode& mode);

/// One expert's matrices: gate and up [width, hidden], down [hidden, width].
struct Expert {
  Values gate, up, down;
};
/// x [T, hidden], ids and weights [T, chosen].
Values experts(const Values& x, const Routing& routing, int64_t chosen,
               const std::vector<Expert>& all, const Mode& mode);

/// What a query may look at.
struct Context {
  /// One head's keys and values by slot.
  std::span<const double> key(int64_t slot, int64_t kv_head) const {
    return head(*keys, slot, kv_head);
  }
  std::span<const double> value(int64_t slot, int64_t kv_head) const {
    return head(*values, slot, kv_head);
  }
  const Values* keys = nullptr;  ///< [slots, kv_heads, head_dim]
  const Values* values = nullptr;
  KvCacheShape shape;

 private:
  std::span<const double> head(const Values& all, int64_t slot, int64_t kv_head) const {
    const int64_t at = (slot * shape.num_kv_heads + kv_head) * shape.head_dim;
    return std::span(all).subspan(static_cast<size_t>(at), static_cast<size_t>(shape.head_dim));
  }
};
/// The tables of AttentionBatch on the host.
struct HostBatch {
  std::vector<int32_t> query_start, context_lens, block_tables;
  int64_t max_blocks = 0;
};
/// qkv [T, row_size]; returns [T, q_size].
Values attention(const Values& qkv, const QkvLayout& layout, const Context& context,
                 const HostBatch& batch, const Mode& mode);

/// Towards zero.
double truncated_to(DType dtype, double x);

}  // namespace ernie::verify::host
