#pragma once

/// The operations of backend.h as plainly as they can be written: scalar, sums in double, one
/// function each. With F64 activations nothing is rounded but what the contracts make F32; with F32
/// what is stored is rounded; with BF16 every intermediate that the Hugging Face eager
/// implementation stores is rounded where it rounds (docs/numerics.md lists them). Contracts are
/// those of backend.h. This folder shares no arithmetic with any other backend.

#include <memory>

#include "backend/backend.h"
#include "backend/reference/values.h"

namespace ernie::reference {

/// What operations write while they compute a row. It keeps its size, so that a step allocates
/// nothing once the largest batch was seen.
struct Room {
  Row row, other, out, hidden, scores;
  std::vector<float> probabilities, keys;
  std::vector<int32_t> order;
  std::vector<std::pair<int32_t, float>> chosen;
  std::vector<int64_t> slots;
};

/// Memory and weights in reference_backend.cc, the operations in files of their own.
class ReferenceBackend final : public Backend {
 public:
  ReferenceBackend(DType act, const StorageFormats& formats) : act_(act), formats_(formats) {}

  std::string_view name() const override { return "reference"; }
  std::string describe() const override;
  DType activation_dtype() const override { return act_; }

  Result<std::shared_ptr<void>> allocate(size_t num_bytes) override;
  void copy_in(const void* host, const Tensor& device) override;
  Result<void> copy_out(const Tensor& device, void* host) override;
  Result<void> synchronize() override { return {}; }
  Result<std::unique_ptr<KvCache>> allocate_kv_cache(const KvCacheShape& shape) override;
  size_t kv_bytes_per_token(const KvCacheShape& shape) const override;

  Result<OperandPtr> prepare_matrix(std::span<const HostMatrix> row_blocks, MatrixUse use) override;
  Result<OperandPtr> prepare_vector(const HostMatrix& vector, VectorUse use) override;
  Result<OperandPtr> prepare_experts(const Shape& shape,
                                     std::span<const ExpertMatrices> experts) override;

 private:
  void do_embed(const Tensor& token_ids, const Operand& table, int64_t first_row,
                const Tensor& out) override;
  void do_rms_norm(const Tensor& x, const Operand& weight, float eps, const Tensor& out) override;
  void do_linear(const Tensor& x, const Operand& weight, const Tensor& out) override;
  void do_rope_table(const Tensor& positions, double theta, const Tensor& table) override;
  void do_rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) override;
  void do_copy_kv(KvCache& cache, std::span<const KvCopy> copies) override;
  void do_store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                   KvCache& cache, int64_t layer) override;
  void do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
                    const AttentionBatch& batch, const Tensor& out) override;
  void do_silu_mul(const Tensor& gate_up, const Tensor& out) override;
  void do_add(const Tensor& x, const Tensor& y, const Tensor& out) override;
  void do_route(const Tensor& logits, const Operand& bias, float norm_min, const Tensor& expert_ids,
                const Tensor& expert_weights) override;
  void do_experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
                  const Operand& experts, int64_t first_expert, const Tensor& out) override;
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) override;
  void do_argmax(const Tensor& logits, const Tensor& ids) override;

  DType act_;
  StorageFormats formats_;
  Room room_;
};

/// The executable specification: scalar, one thread, no speed. dtype F64: nothing is rounded, the
/// oracle of `ernie verify`. F32: what is stored is rounded. BF16: the rounding points of the
/// original's eager implementation.
Result<std::unique_ptr<Backend>> make_reference_backend(DType dtype, const StorageFormats& formats);

}  // namespace ernie::reference
