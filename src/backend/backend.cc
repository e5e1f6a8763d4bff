#include "backend/backend.h"

namespace ernie {
namespace {

void expect(const char* what, const Tensor& tensor, DType dtype, const Shape& shape) {
  ERNIE_CHECK(tensor.dtype == dtype && tensor.shape == shape, "{}: got {} {}, expected {} {}", what,
              dtype_name(tensor.dtype), to_string(tensor.shape), dtype_name(dtype),
              to_string(shape));
}

bool is_empty(const Tensor& tensor) { return tensor.shape.num_elements() == 0; }

void expect_cache(const QkvLayout& layout, const KvCache& cache, int64_t layer) {
  const KvCacheShape& shape = cache.shape();
  ERNIE_CHECK(layout.num_kv_heads == shape.num_kv_heads && layout.head_dim == shape.head_dim &&
                  0 <= layer && layer < shape.num_layers,
              "layer {} of {}, {} heads of {} for {} of {}", layer, shape.num_layers,
              layout.num_kv_heads, layout.head_dim, shape.num_kv_heads, shape.head_dim);
}

}  // namespace

StorageFormats StorageFormats::all(DType dtype) {
  const FormatId format = format_of(dtype).value_or(FormatId::kF32);
  return {format, format, format, dtype};
}

FormatId StorageFormats::of(MatrixUse use) const {
  if (use == MatrixUse::kRouter) return FormatId::kF32;
  return use == MatrixUse::kEmbedding ? embedding : linear;
}

Result<std::unique_ptr<Communicator>> Backend::connect(Shard shard) {
  if (shard.size == 1) return std::unique_ptr<Communicator>(std::make_unique<OneRank>());
  return make_error(ErrorCode::kUnsupported, "{}: got {} ranks, expected 1", name(), shard.size);
}

void Backend::embed(const Tensor& token_ids, const Operand& table, int64_t first_row,
                    const Tensor& out) {
  expect("token_ids", token_ids, DType::kI32, {token_ids.dim(0)});
  expect("out", out, activation_dtype(), {token_ids.dim(0), table.dim(1)});
  if (!is_empty(out)) do_embed(token_ids, table, first_row, out);
}

void Backend::rms_norm(const Tensor& x, const Operand& weight, float eps, const Tensor& out) {
  expect("x", x, activation_dtype(), {x.dim(0), weight.dim(0)});
  expect("out", out, activation_dtype(), x.shape);
  if (!is_empty(out)) do_rms_norm(x, weight, eps, out);
}

void Backend::linear(const Tensor& x, const Operand& weight, const Tensor& out) {
  const DType act = activation_dtype();
  expect("x", x, act, {x.dim(0), weight.dim(1)});
  expect("out", out, out.dtype == DType::kF32 ? DType::kF32 : act, {x.dim(0), weight.dim(0)});
  if (!is_empty(out)) do_linear(x, weight, out);
}

void Backend::rope_table(const Tensor& positions, double theta, const Tensor& table) {
  expect("positions", positions, DType::kI32, {positions.dim(0)});
  expect("table", table, DType::kF32, {positions.dim(0), table.dim(1), 2});
  if (!is_empty(table)) do_rope_table(positions, theta, table);
}

void Backend::rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) {
  expect("qkv", qkv, activation_dtype(), {qkv.dim(0), layout.row_size()});
  expect("table", table, DType::kF32, {qkv.dim(0), layout.head_dim / 2, 2});
  if (!is_empty(qkv)) do_rope(qkv, layout, table);
}

void Backend::copy_kv(KvCache& cache, std::span<const KvCopy> copies) {
  const int64_t block_size = cache.shape().block_size;
  const auto is_in_a_block = [&](int64_t begin, int64_t count) {
    return 0 <= begin && begin + count <= cache.shape().num_blocks * block_size &&
           begin / block_size == (begin + count - 1) / block_size;
  };
  for (const KvCopy& copy : copies) {
    ERNIE_CHECK(copy.count > 0 && is_in_a_block(copy.from, copy.count) &&
                    is_in_a_block(copy.to, copy.count),
                "slots {} to {}, {} of them, in blocks of {}", copy.from, copy.to, copy.count,
                block_size);
  }
  if (!copies.empty()) do_copy_kv(cache, copies);
}

void Backend::store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                       KvCache& cache, int64_t layer) {
  expect("qkv", qkv, activation_dtype(), {qkv.dim(0), layout.row_size()});
  expect("slot_mapping", slot_mapping, DType::kI32, {qkv.dim(0)});
  expect_cache(layout, cache, layer);
  if (!is_empty(qkv)) do_store_kv(qkv, layout, slot_mapping, cache, layer);
}

void Backend::attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache,
                        int64_t layer, const AttentionBatch& batch, const Tensor& out) {
  const DType act = activation_dtype();
  const int64_t num_seqs = batch.num_seqs();
  expect("qkv", qkv, act, {qkv.dim(0), layout.row_size()});
  expect("query_start", batch.query_start, DType::kI32, {num_seqs + 1});
  expect("context_lens", batch.context_lens, DType::kI32, {num_seqs});
  expect("block_tables", batch.block_tables, DType::kI32, {num_seqs, batch.block_tables.dim(1)});
  expect("out", out, act, {qkv.dim(0), layout.q_size()});
  expect_cache(layout, cache, layer);
  if (!is_empty(out)) do_attention(qkv, layout, cache, layer, batch, out);
}

void Backend::silu_mul(const Tensor& gate_up, const Tensor& out) {
  const DType act = activation_dtype();
  expect("out", out, act, {gate_up.dim(0), out.dim(1)});
  expect("gate_up", gate_up, act, {gate_up.dim(0), 2 * out.dim(1)});
  if (!is_empty(out)) do_silu_mul(gate_up, out);
}

void Backend::add(const Tensor& x, const Tensor& y, const Tensor& out) {
  for (const Tensor* tensor : {&x, &y, &out})
    expect("x, y, out", *tensor, activation_dtype(), out.shape);
  if (!is_empty(out)) do_add(x, y, out);
}

void Backend::route(const Tensor& logits, const Operand& bias, float norm_min,
                    const Tensor& expert_ids, const Tensor& expert_weights) {
  expect("logits", logits, DType::kF32, {logits.dim(0), bias.dim(0)});
  expect("expert_ids", expert_ids, DType::kI32, {logits.dim(0), expert_ids.dim(1)});
  expect("expert_weights", expert_weights, DType::kF32, expert_ids.shape);
  ERNIE_CHECK(expert_ids.dim(1) <= bias.dim(0), "{} of {} experts", expert_ids.dim(1), bias.dim(0));
  if (!is_empty(expert_ids)) do_route(logits, bias, norm_min, expert_ids, expert_weights);
}

void Backend::experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
                      const Operand& experts, int64_t first_expert, const Tensor& out) {
  expect("x", x, activation_dtype(), {x.dim(0), experts.dim(1)});
  expect("expert_ids", expert_ids, DType::kI32, {x.dim(0), expert_ids.dim(1)});
  expect("expert_weights", expert_weights, DType::kF32, expert_ids.shape);
  expect("out", out, activation_dtype(), x.shape);
  if (!is_empty(out)) do_experts(x, expert_ids, expert_weights, experts, first_expert, out);
}

void Backend::gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) {
  expect("x", x, activation_dtype(), {x.dim(0), x.dim(1)});
  expect("rows", rows, DType::kI32, {rows.dim(0)});
  expect("out", out, activation_dtype(), {rows.dim(0), x.dim(1)});
  if (!is_empty(out)) do_gather_rows(x, rows, out);
}

void Backend::argmax(const Tensor& logits, const Tensor& ids) {
  expect("logits", logits, activation_dtype(), {ids.dim(0), logits.dim(1)});
  expect("ids", ids, DType::kI32, {ids.dim(0)});
  if (!is_empty(ids)) do_argmax(logits, ids);
}

void Backend::add_rms_norm(const Tensor& x, const Tensor& y, const Operand& weight, float eps,
                           const Tensor& out) {
  expect("x", x, activation_dtype(), {x.dim(0), weight.dim(0)});
  for (const Tensor* tensor : {&y, &out}) expect("y, out", *tensor, activation_dtype(), x.shape);
  if (!is_empty(out)) do_add_rms_norm(x, y, weight, eps, out);
}

void Backend::gate_up_silu(const Tensor& x, const Operand& gate_up, const Tensor& scratch,
                           const Tensor& out) {
  const DType act = activation_dtype();
  expect("x", x, act, {x.dim(0), gate_up.dim(1)});
  expect("scratch", scratch, act, {x.dim(0), gate_up.dim(0)});
  expect("out", out, act, {x.dim(0), gate_up.dim(0) / 2});
  if (!is_empty(out)) do_gate_up_silu(x, gate_up, scratch, out);
}

void Backend::moe(const Tensor& x, const MoeOperands& weights, const MoeScratch& scratch,
                  const Tensor& out) {
  expect("x", x, activation_dtype(), {x.dim(0), weights.router.dim(1)});
  expect("router_logits", scratch.router_logits, DType::kF32, {x.dim(0), weights.router.dim(0)});
  expect("expert_ids", scratch.expert_ids, DType::kI32, {x.dim(0), scratch.expert_ids.dim(1)});
  expect("expert_weights", scratch.expert_weights, DType::kF32, scratch.expert_ids.shape);
  expect("out", out, activation_dtype(), x.shape);
  if (!is_empty(out)) do_moe(x, weights, scratch, out);
}

void Backend::do_add_rms_norm(const Tensor& x, const Tensor& y, const Operand& weight, float eps,
                              const Tensor& out) {
  add(x, y, x);
  rms_norm(x, weight, eps, out);
}

void Backend::do_gate_up_silu(const Tensor& x, const Operand& gate_up, const Tensor& scratch,
                              const Tensor& out) {
  linear(x, gate_up, scratch);
  silu_mul(scratch, out);
}

void Backend::do_moe(const Tensor& x, const MoeOperands& weights, const MoeScratch& scratch,
                     const Tensor& out) {
  linear(x, weights.router, scratch.router_logits);
  route(scratch.router_logits, weights.bias, weights.norm_min, scratch.expert_ids,
        scratch.expert_weights);
  experts(x, scratch.expert_ids, scratch.expert_weights, weights.experts, weights.first_expert,
          out);
}

}  // namespace ernie
