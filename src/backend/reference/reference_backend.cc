#include "backend/reference/reference_backend.h"

#include <cstring>

#include "backend/reference/operations.h"

namespace ernie::reference {
namespace {

/// The contract checks and the operand casts; the arithmetic is in operations.h.
class ReferenceBackend final : public Backend {
 public:
  ReferenceBackend(DType act, const StorageFormats& formats) : act_(act), formats_(formats) {}

  std::string_view name() const override { return "reference"; }
  std::string describe() const override {
    return fmt::format("reference, scalar, double sums, {} activations", dtype_name(act_));
  }
  DType activation_dtype() const override { return act_; }

  Result<std::shared_ptr<void>> allocate(size_t num_bytes) override {
    std::shared_ptr<std::byte> memory = allocate_aligned(num_bytes);
    if (memory == nullptr) {
      return make_error(ErrorCode::kOutOfMemory, "reference: cannot allocate {} bytes", num_bytes);
    }
    std::memset(memory.get(), 0, num_bytes);
    return std::shared_ptr<void>(memory);
  }
  void copy_in(const void* host, const Tensor& device) override {
    std::memcpy(device.data, host, device.num_bytes());
  }
  Result<void> copy_out(const Tensor& device, void* host) override {
    std::memcpy(host, device.data, device.num_bytes());
    return {};
  }
  Result<void> synchronize() override { return {}; }
  Result<std::unique_ptr<KvCache>> allocate_kv_cache(const KvCacheShape& shape) override {
    return std::unique_ptr<KvCache>(new ReferenceKvCache(shape, formats_.kv_cache));
  }
  size_t kv_bytes_per_token(const KvCacheShape& shape) const override {
    return static_cast<size_t>(2 * shape.num_layers * shape.num_kv_heads * shape.head_dim) *
           dtype_bytes(formats_.kv_cache);
  }

  Result<OperandPtr> prepare_matrix(std::span<const HostMatrix> row_blocks,
                                    MatrixUse use) override {
    std::vector<HostMatrix> blocks;
    for (const HostMatrix& block : row_blocks) {
      ERNIE_TRY_VOID(check_dense(block));
      blocks.push_back(stored(block, formats_.of(use)));
    }
    return OperandPtr(new Matrix(std::move(blocks)));
  }
  Result<OperandPtr> prepare_vector(const HostMatrix& vector, VectorUse use) override {
    ERNIE_TRY_VOID(check_dense(vector));
    // A norm has the precision of the model's dtype.
    const bool is_rounded = use == VectorUse::kNorm && act_ == DType::kBF16;
    return OperandPtr(new Vector(stored(vector, is_rounded ? FormatId::kBF16 : FormatId::kF32)));
  }
  Result<OperandPtr> prepare_experts(const Shape& shape,
                                     std::span<const ExpertMatrices> experts) override {
    std::vector<ExpertMatrices> all;
    for (const ExpertMatrices& e : experts) {
      for (const HostMatrix* matrix : {&e.gate, &e.up, &e.down})
        ERNIE_TRY_VOID(check_dense(*matrix));
      const FormatId format = formats_.experts;
      all.push_back({stored(e.gate, format), stored(e.up, format), stored(e.down, format)});
    }
    return OperandPtr(new Experts(shape, all));
  }

  void do_embed(const Tensor& token_ids, const Operand& table, int64_t first_row,
                const Tensor& out) override {
    reference::embed(token_ids, matrix(table), first_row, out);
  }
  void do_rms_norm(const Tensor& x, const Operand& weight, float eps, const Tensor& out) override {
    reference::rms_norm(x, vector(weight), eps, out);
  }
  void do_linear(const Tensor& x, const Operand& weight, const Tensor& out) override {
    reference::linear(x, matrix(weight), out);
  }
  void do_rope_table(const Tensor& positions, double theta, const Tensor& table) override {
    reference::rope_table(positions, theta, table);
  }
  void do_rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) override {
    reference::rope(qkv, layout, table);
  }
  void do_store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                   KvCache& cache, int64_t layer) override {
    reference::store_kv(qkv, layout, slot_mapping, static_cast<ReferenceKvCache&>(cache), layer);
  }
  void do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
                    const AttentionBatch& batch, const Tensor& out) override {
    reference::attention(qkv, layout, static_cast<const ReferenceKvCache&>(cache), layer, batch,
                         out);
  }
  void do_silu_mul(const Tensor& gate_up, const Tensor& out) override {
    reference::silu_mul(gate_up, out);
  }
  void do_add(const Tensor& x, const Tensor& y, const Tensor& out) override {
    reference::add(x, y, out);
  }
  void do_route(const Tensor& logits, const Operand& bias, float norm_min, const Tensor& expert_ids,
                const Tensor& expert_weights) override {
    reference::route(logits, vector(bias), norm_min, expert_ids, expert_weights);
  }
  void do_experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
                  const Operand& experts, int64_t first_expert, const Tensor& out) override {
    reference::experts(x, expert_ids, expert_weights, static_cast<const Experts&>(experts),
                       first_expert, out);
  }
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) override {
    reference::gather_rows(x, rows, out);
  }
  void do_argmax(const Tensor& logits, const Tensor& ids) override {
    reference::argmax(logits, ids);
  }

 private:
  /// Rounded to bfloat16, whatever the file has; float32 would only widen what is there.
  static HostMatrix stored(const HostMatrix& weight, FormatId format) {
    return format == FormatId::kBF16 ? HostMatrix(weight.to_tensor(DType::kBF16)) : weight;
  }
  static Result<void> check_dense(const HostMatrix& weight) {
    if (dense_dtype(weight.format().id)) return {};
    return make_error(ErrorCode::kUnsupported,
                      "reference: got a weight in {}, expected F32, BF16 or F16",
                      weight.format().name);
  }
  static const Matrix& matrix(const Operand& operand) {
    return static_cast<const Matrix&>(operand);
  }
  static const Vector& vector(const Operand& operand) {
    return static_cast<const Vector&>(operand);
  }

  DType act_;
  StorageFormats formats_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_reference_backend(DType dtype,
                                                        const StorageFormats& formats) {
  ERNIE_CHECK(dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kBF16, "dtype {}",
              dtype_name(dtype));
  for (const FormatId format : {formats.linear, formats.embedding, formats.experts}) {
    if (format == FormatId::kF32 || format == FormatId::kBF16) continue;
    return make_error(ErrorCode::kUnsupported, "reference: weights in {}, expected F32 or BF16",
                      weight_format(format).name);
  }
  return std::unique_ptr<Backend>(std::make_unique<ReferenceBackend>(dtype, formats));
}

}  // namespace ernie::reference
