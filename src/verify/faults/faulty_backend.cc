#include "verify/faults/faulty_backend.h"

#include "verify/array.h"
#include "verify/error_budget.h"
#include "verify/faults/host_kernels.h"

namespace ernie::verify {
namespace {

using host::Values;

/// What the device holds after preparing it in a type.
Values values_of(const HostMatrix& matrix, DType store) {
  const HostTensor stored = HostMatrix(matrix.to_tensor(store)).to_tensor(DType::kF32);
  const std::span<const float> values = stored.values<float>();
  return {values.begin(), values.end()};
}

/// The device's operand, and the numbers in it.
struct KeptOperand final : Operand {
  KeptOperand(OperandPtr real_operand, Values kept)
      : Operand(real_operand->shape()), real(std::move(real_operand)), values(std::move(kept)) {}
  size_t num_bytes() const override { return real->num_bytes(); }
  OperandPtr real;
  Values values;
  std::vector<host::Expert> experts;
};

/// The device's cache, and what should be in it.
struct KeptKvCache final : KvCache {
  KeptKvCache(std::unique_ptr<KvCache> real_cache, const KvCacheShape& shape)
      : KvCache(shape), real(std::move(real_cache)) {
    const auto per_layer = static_cast<size_t>(shape.num_blocks * shape.block_size *
                                               shape.num_kv_heads * shape.head_dim);
    keys.assign(static_cast<size_t>(shape.num_layers), Values(per_layer));
    values = keys;
  }
  void copy(std::span<const KvCopy> copies) {
    const int64_t size = shape().num_kv_heads * shape().head_dim;
    for (std::vector<Values>* all : {&keys, &values}) {
      for (Values& layer : *all) {
        for (const KvCopy& c : copies) {
          std::copy_n(layer.begin() + c.from * size, c.count * size, layer.begin() + c.to * size);
        }
      }
    }
  }
  std::unique_ptr<KvCache> real;
  std::vector<Values> keys, values;  // by layer
};

const KeptOperand& kept(const Operand& operand) { return static_cast<const KeptOperand&>(operand); }
KeptKvCache& kept(KvCache& cache) { return static_cast<KeptKvCache&>(cache); }
const KeptKvCache& kept(const KvCache& cache) { return static_cast<const KeptKvCache&>(cache); }

class FaultyBackend final : public Backend {
 public:
  FaultyBackend(std::unique_ptr<Backend> real, const Fault& fault, DType store)
      : real_(std::move(real)), fault_(fault), store_(store) {}

  std::string_view name() const override { return real_->name(); }
  std::string describe() const override { return real_->describe(); }
  DType activation_dtype() const override { return real_->activation_dtype(); }
  Result<std::shared_ptr<void>> allocate(size_t num_bytes) override {
    return real_->allocate(num_bytes);
  }
  void copy_in(const void* data, const Tensor& device) override { real_->copy_in(data, device); }
  Result<void> copy_out(const Tensor& device, void* data) override {
    if (!state_) return state_;
    return real_->copy_out(device, data);
  }
  Result<void> synchronize() override {
    if (!state_) return state_;
    return real_->synchronize();
  }
  Result<std::unique_ptr<KvCache>> allocate_kv_cache(const KvCacheShape& shape) override {
    ERNIE_TRY(auto cache, real_->allocate_kv_cache(shape));
    return std::unique_ptr<KvCache>(new KeptKvCache(std::move(cache), shape));
  }
  size_t kv_bytes_per_token(const KvCacheShape& shape) const override {
    return real_->kv_bytes_per_token(shape);
  }

  Result<OperandPtr> prepare_matrix(std::span<const HostMatrix> row_blocks,
                                    MatrixUse use) override {
    ERNIE_TRY(OperandPtr real, real_->prepare_matrix(row_blocks, use));
    Values all;
    for (const HostMatrix& block : row_blocks) {
      const Values part = values_of(block, use == MatrixUse::kRouter ? DType::kF32 : store_);
      all.insert(all.end(), part.begin(), part.end());
    }
    return OperandPtr(new KeptOperand(std::move(real), std::move(all)));
  }
  Result<OperandPtr> prepare_vector(const HostMatrix& vector, VectorUse use) override {
    ERNIE_TRY(OperandPtr real, real_->prepare_vector(vector, use));
    const DType stored = use == VectorUse::kNorm ? store_ : DType::kF32;
    return OperandPtr(new KeptOperand(std::move(real), values_of(vector, stored)));
  }
  Result<OperandPtr> prepare_experts(const Shape& shape,
                                     std::span<const ExpertMatrices> experts) override {
    ERNIE_TRY(OperandPtr real, real_->prepare_experts(shape, experts));
    auto operand = std::make_unique<KeptOperand>(std::move(real), Values());
    for (const ExpertMatrices& e : experts) {
      operand->experts.push_back(
          {values_of(e.gate, store_), values_of(e.up, store_), values_of(e.down, store_)});
    }
    return OperandPtr(std::move(operand));
  }

  void do_embed(const Tensor& token_ids, const Operand& table, int64_t first_row,
                const Tensor& out) override {
    if (!is("embed")) return real_->embed(token_ids, *kept(table).real, first_row, out);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const std::vector<int32_t> ids, download_ids(*real_, token_ids));
      return write(out, copied_rows(ids, kept(table).values, table.dim(0)));
    });
  }
  void do_rms_norm(const Tensor& x, const Operand& weight, float eps, const Tensor& out) override {
    if (!is("rms_norm")) return real_->rms_norm(x, *kept(weight).real, eps, out);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const Values values, download(*real_, x));
      return write(out, host::norm(values, kept(weight).values, eps, mode(out)));
    });
  }
  void do_linear(const Tensor& x, const Operand& weight, const Tensor& out) override {
    if (!is("linear")) return real_->linear(x, *kept(weight).real, out);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const Values values, download(*real_, x));
      return write(out, host::linear(values, kept(weight).values, weight.dim(1), mode(out)));
    });
  }
  void do_rope_table(const Tensor& positions, double theta, const Tensor& table) override {
    if (!is("rope_table")) return real_->rope_table(positions, theta, table);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const std::vector<int32_t> values, download_ids(*real_, positions));
      return write(table, host::rope_table(values, theta, table.dim(1), mode(table)));
    });
  }
  void do_rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) override {
    if (!is("rope")) return real_->rope(qkv, layout, table);
    compute([&]() -> Result<void> {
      ERNIE_TRY(Values rows, download(*real_, qkv));
      ERNIE_TRY(const Values angles, download(*real_, table));
      return write(qkv, host::rope(std::move(rows), layout, angles, mode(qkv)));
    });
  }
  void do_copy_kv(KvCache& cache, std::span<const KvCopy> copies) override {
    kept(cache).copy(copies);
    real_->copy_kv(*kept(cache).real, copies);
  }
  void do_store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                   KvCache& cache, int64_t layer) override {
    compute([&] { return store_kv_kept(qkv, layout, slot_mapping, kept(cache), layer); });
  }
  void do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
                    const AttentionBatch& batch, const Tensor& out) override {
    if (!is("attention")) {
      return real_->attention(qkv, layout, *kept(cache).real, layer, batch, out);
    }
    compute([&] { return attend(qkv, layout, kept(cache), layer, batch, out); });
  }
  void do_silu_mul(const Tensor& gate_up, const Tensor& out) override {
    if (!is("silu_mul")) return real_->silu_mul(gate_up, out);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const Values values, download(*real_, gate_up));
      return write(out, host::silu_mul(values, out.dim(1), mode(out)));
    });
  }
  void do_add(const Tensor& x, const Tensor& y, const Tensor& out) override {
    if (!is("add")) return real_->add(x, y, out);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const Values left, download(*real_, x));
      ERNIE_TRY(const Values right, download(*real_, y));
      return write(out, host::add(left, right, mode(out)));
    });
  }
  void do_route(const Tensor& logits, const Operand& bias, float norm_min, const Tensor& expert_ids,
                const Tensor& expert_weights) override {
    if (!is("route")) {
      return real_->route(logits, *kept(bias).real, norm_min, expert_ids, expert_weights);
    }
    compute([&]() -> Result<void> {
      ERNIE_TRY(const Values values, download(*real_, logits));
      const host::Routing routing =
          host::route(values, kept(bias).values, expert_ids.dim(1), norm_min, mode(expert_weights));
      real_->copy_in(routing.ids.data(), expert_ids);
      return write(expert_weights, routing.weights);
    });
  }
  void do_experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
                  const Operand& experts, int64_t first_expert, const Tensor& out) override {
    if (!is("experts")) {
      return real_->experts(x, expert_ids, expert_weights, *kept(experts).real, first_expert, out);
    }
    compute([&]() -> Result<void> {
      host::Routing routing;
      ERNIE_TRY(routing.ids, download_ids(*real_, expert_ids));
      ERNIE_TRY(routing.weights, download(*real_, expert_weights));
      ERNIE_TRY(const Values values, download(*real_, x));
      return write(
          out, host::experts(values, routing, expert_ids.dim(1), kept(experts).experts, mode(out)));
    });
  }
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) override {
    if (!is("gather_rows")) return real_->gather_rows(x, rows, out);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const std::vector<int32_t> ids, download_ids(*real_, rows));
      ERNIE_TRY(const Values values, download(*real_, x));
      return write(out, copied_rows(ids, values, x.dim(0)));
    });
  }

  void do_add_rms_norm(const Tensor& x, const Tensor& y, const Operand& weight, float eps,
                       const Tensor& out) override {
    if (!is("add_rms_norm")) return real_->add_rms_norm(x, y, *kept(weight).real, eps, out);
    if (fault_.quirk == Quirk::kSecondMissing) {
      return real_->rms_norm(x, *kept(weight).real, eps, out);
    }
    compute([&]() -> Result<void> {
      ERNIE_TRY(const Values before, download(*real_, x));
      real_->add_rms_norm(x, y, *kept(weight).real, eps, out);
      return fault_.quirk == Quirk::kSumNotStored ? write(x, before) : Result<void>();
    });
  }
  void do_gate_up_silu(const Tensor& x, const Operand& gate_up, const Tensor& scratch,
                       const Tensor& out) override {
    real_->gate_up_silu(x, *kept(gate_up).real, scratch, out);
    if (!is("gate_up_silu") || fault_.quirk == Quirk::kNone) return;
    compute([&]() -> Result<void> {
      real_->linear(x, *kept(gate_up).real, scratch);
      ERNIE_TRY(const Values values, download(*real_, scratch));
      return write(out, host::silu_mul(values, out.dim(1), mode(out)));
    });
  }
  void do_moe(const Tensor& x, const MoeOperands& weights, const MoeScratch& scratch,
              const Tensor& out) override {
    const Operand& experts = *kept(weights.experts).real;
    const MoeOperands real{.router = *kept(weights.router).real,
                           .bias = *kept(weights.bias).real,
                           .experts = experts,
                           .first_expert = weights.first_expert,
                           .norm_min = weights.norm_min};
    real_->moe(x, real, scratch, out);
    if (!is("moe") || fault_.quirk == Quirk::kNone) return;
    compute([&]() -> Result<void> {
      real_->linear(x, real.router, scratch.router_logits);
      real_->route(scratch.router_logits, real.bias, real.norm_min, scratch.expert_ids,
                   scratch.expert_weights);
      ERNIE_TRY(std::vector<int32_t> ids, download_ids(*real_, scratch.expert_ids));
      for (int32_t& id : ids) id = (id + 1) % static_cast<int32_t>(experts.dim(0));
      real_->copy_in(ids.data(), scratch.expert_ids);
      real_->experts(x, scratch.expert_ids, scratch.expert_weights, experts, real.first_expert,
                     out);
      return {};
    });
  }
  void do_argmax(const Tensor& logits, const Tensor& ids) override {
    if (!is("argmax")) return real_->argmax(logits, ids);
    compute([&]() -> Result<void> {
      ERNIE_TRY(const Values values, download(*real_, logits));
      const std::vector<int32_t> found = host::argmax(values, logits.dim(1), mode(logits));
      real_->copy_in(found.data(), ids);
      return {};
    });
  }

 private:
  bool is(std::string_view op) const { return fault_.op == op; }
  host::Mode mode(const Tensor& out) const {
    return {fault_.quirk, real_->activation_dtype(), out.dtype};
  }
  /// An operation returns nothing, so what it could not get from the device is told by whatever
  /// waits, as of a device that is lost.
  template <typename Function>
  void compute(const Function& on_host) {
    if (state_) state_ = on_host();
  }
  Result<void> write(const Tensor& tensor, const Values& values) const {
    ERNIE_TRY(const Array array, upload(*real_, values, tensor.shape, tensor.dtype));
    std::vector<std::byte> bytes(tensor.num_bytes());
    ERNIE_TRY_VOID(real_->copy_out(array.tensor, bytes.data()));
    real_->copy_in(bytes.data(), tensor);
    return {};
  }
  Result<void> store_kv_kept(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                             KeptKvCache& cache, int64_t layer);
  Result<void> attend(const Tensor& qkv, const QkvLayout& layout, const KeptKvCache& cache,
                      int64_t layer, const AttentionBatch& batch, const Tensor& out);
  Values copied_rows(std::vector<int32_t> rows, const Values& source, int64_t num_rows) const {
    if (fault_.quirk == Quirk::kNextRow) {
      for (int32_t& row : rows) row = (row + 1) % static_cast<int32_t>(num_rows);
    }
    const std::vector<int64_t> wide(rows.begin(), rows.end());
    return rows_of(source, static_cast<int64_t>(source.size()) / num_rows, wide);
  }

  std::unique_ptr<Backend> real_;
  Fault fault_;
  DType store_;
  Result<void> state_;
};

Result<void> FaultyBackend::store_kv_kept(const Tensor& qkv, const QkvLayout& layout,
                                          const Tensor& slot_mapping, KeptKvCache& cache,
                                          int64_t layer) {
  ERNIE_TRY(Values rows, download(*real_, qkv));
  ERNIE_TRY(std::vector<int32_t> slots, download_ids(*real_, slot_mapping));
  const int64_t width = layout.row_size(), size = layout.num_kv_heads * layout.head_dim;
  for (size_t t = 0; t < slots.size(); ++t) {
    for (int64_t i = 0; i < size; ++i) {
      const auto from = t * static_cast<size_t>(width) + static_cast<size_t>(i);
      const auto to = static_cast<size_t>(slots[t] * size + i);
      cache.keys[static_cast<size_t>(layer)][to] =
          round_to(store_, rows[from + static_cast<size_t>(layout.key_offset())]);
      cache.values[static_cast<size_t>(layer)][to] =
          round_to(store_, rows[from + static_cast<size_t>(layout.value_offset())]);
    }
  }
  if (!is("store_kv")) {
    real_->store_kv(qkv, layout, slot_mapping, *cache.real, layer);
    return {};
  }
  const int32_t num_slots =
      static_cast<int32_t>(cache.shape().num_blocks * cache.shape().block_size);
  if (fault_.quirk == Quirk::kNextSlot) {
    for (int32_t& slot : slots) slot = (slot + 1) % num_slots;
  }
  if (fault_.quirk == Quirk::kTruncatingStore) {
    for (double& x : rows) x = host::truncated_to(store_, x);
  }
  const Values right = rows;
  for (size_t t = 0; t < slots.size() && fault_.quirk == Quirk::kHeadsSwapped; ++t) {
    for (int64_t i = 0; i < size; ++i) {
      const int64_t other =
          (layout.num_kv_heads - 1 - i / layout.head_dim) * layout.head_dim + i % layout.head_dim;
      const auto at = static_cast<size_t>(static_cast<int64_t>(t) * width + layout.value_offset());
      rows[at + static_cast<size_t>(i)] = right[at + static_cast<size_t>(other)];
    }
  }
  ERNIE_TRY(const Array spoiled, upload(*real_, rows, qkv.shape, qkv.dtype));
  ERNIE_TRY(const Array spoiled_slots, upload(*real_, slots, slot_mapping.shape));
  real_->store_kv(spoiled.tensor, layout, spoiled_slots.tensor, *cache.real, layer);
  return {};
}

Result<void> FaultyBackend::attend(const Tensor& qkv, const QkvLayout& layout,
                                   const KeptKvCache& cache, int64_t layer,
                                   const AttentionBatch& batch, const Tensor& out) {
  host::HostBatch tables{.max_blocks = batch.block_tables.dim(1)};
  ERNIE_TRY(tables.query_start, download_ids(*real_, batch.query_start));
  ERNIE_TRY(tables.context_lens, download_ids(*real_, batch.context_lens));
  ERNIE_TRY(tables.block_tables, download_ids(*real_, batch.block_tables));
  ERNIE_TRY(const Values rows, download(*real_, qkv));
  const auto l = static_cast<size_t>(layer);
  const host::Context context{&cache.keys[l], &cache.values[l], cache.shape()};
  return write(out, host::attention(rows, layout, context, tables, mode(out)));
}

}  // namespace

std::unique_ptr<Backend> make_faulty_backend(std::unique_ptr<Backend> real, const Fault& fault,
                                             DType store) {
  return std::make_unique<FaultyBackend>(std::move(real), fault, store);
}

}  // namespace ernie::verify
