#pragma once

/// For tests: a device that stops doing one thing at its n-th time.

#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include "backend/backend.h"

namespace ernie {

/// What is counted and fails, over all devices that share it.
class Failure {
 public:
  enum class Of {
    kAllocate,  ///< one allocation, of memory, a cache or an operand: kOutOfMemory
    kCopyOut,   ///< one copy out, and whatever waits after it: kDeviceLost
    kAdd,       ///< one add: throws std::bad_alloc
  };
  static constexpr int64_t kNever = -1;

  /// index: from 0.
  Failure(Of of, int64_t index) : of_(of), index_(index) {}
  int64_t count() const { return count_; }

  Result<void> allocate(std::string_view device) {
    if (!happens(Of::kAllocate)) return {};
    return make_error(ErrorCode::kOutOfMemory, "{}: the device is full", device);
  }
  Result<void> copy_out(std::string_view device) {
    if (happens(Of::kCopyOut)) is_lost_ = true;
    return wait(device);
  }
  Result<void> wait(std::string_view device) const {
    if (!is_lost_) return {};
    return make_error(ErrorCode::kDeviceLost, "{}: the device stopped working", device);
  }
  void add() {
    if (happens(Of::kAdd)) throw std::bad_alloc();
  }

 private:
  bool happens(Of what) { return what == of_ && count_++ == index_; }

  Of of_;
  int64_t index_;
  std::atomic<int64_t> count_{0};
  std::atomic<bool> is_lost_{false};
};

/// With Failure::kNever the real device. A test may derive from it to change one operation.
class FailingBackend : public Backend {
 public:
  FailingBackend(std::unique_ptr<Backend> real, std::shared_ptr<Failure> failure)
      : real_(std::move(real)), failure_(std::move(failure)) {}

  std::string_view name() const override { return real_->name(); }
  std::string describe() const override { return real_->describe(); }
  DType activation_dtype() const override { return real_->activation_dtype(); }
  Result<std::shared_ptr<void>> allocate(size_t num_bytes) override {
    ERNIE_TRY_VOID(failure_->allocate(name()));
    return real_->allocate(num_bytes);
  }
  void copy_in(const void* data, const Tensor& device) override { real_->copy_in(data, device); }
  Result<void> copy_out(const Tensor& device, void* data) override {
    ERNIE_TRY_VOID(failure_->copy_out(name()));
    return real_->copy_out(device, data);
  }
  Result<void> synchronize() override {
    ERNIE_TRY_VOID(failure_->wait(name()));
    return real_->synchronize();
  }
  Result<std::unique_ptr<KvCache>> allocate_kv_cache(const KvCacheShape& shape) override {
    ERNIE_TRY_VOID(failure_->allocate(name()));
    return real_->allocate_kv_cache(shape);
  }
  size_t kv_bytes_per_token(const KvCacheShape& shape) const override {
    return real_->kv_bytes_per_token(shape);
  }
  Result<OperandPtr> prepare_matrix(std::span<const HostMatrix> row_blocks,
                                    MatrixUse use) override {
    ERNIE_TRY_VOID(failure_->allocate(name()));
    return real_->prepare_matrix(row_blocks, use);
  }
  Result<OperandPtr> prepare_vector(const HostMatrix& vector, VectorUse use) override {
    ERNIE_TRY_VOID(failure_->allocate(name()));
    return real_->prepare_vector(vector, use);
  }
  Result<OperandPtr> prepare_experts(const Shape& shape,
                                     std::span<const ExpertMatrices> experts) override {
    ERNIE_TRY_VOID(failure_->allocate(name()));
    return real_->prepare_experts(shape, experts);
  }

 protected:
  void do_embed(const Tensor& token_ids, const Operand& table, int64_t first_row,
                const Tensor& out) override {
    real_->embed(token_ids, table, first_row, out);
  }
  void do_rms_norm(const Tensor& x, const Operand& weight, float eps, const Tensor& out) override {
    real_->rms_norm(x, weight, eps, out);
  }
  void do_linear(const Tensor& x, const Operand& weight, const Tensor& out) override {
    real_->linear(x, weight, out);
  }
  void do_rope_table(const Tensor& positions, double theta, const Tensor& table) override {
    real_->rope_table(positions, theta, table);
  }
  void do_rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) override {
    real_->rope(qkv, layout, table);
  }
  void do_copy_kv(KvCache& cache, std::span<const KvCopy> copies) override {
    real_->copy_kv(cache, copies);
  }
  void do_store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                   KvCache& cache, int64_t layer) override {
    real_->store_kv(qkv, layout, slot_mapping, cache, layer);
  }
  void do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
                    const AttentionBatch& batch, const Tensor& out) override {
    real_->attention(qkv, layout, cache, layer, batch, out);
  }
  void do_silu_mul(const Tensor& gate_up, const Tensor& out) override {
    real_->silu_mul(gate_up, out);
  }
  void do_add(const Tensor& x, const Tensor& y, const Tensor& out) override {
    failure_->add();
    real_->add(x, y, out);
  }
  void do_route(const Tensor& logits, const Operand& bias, float norm_min, const Tensor& expert_ids,
                const Tensor& expert_weights) override {
    real_->route(logits, bias, norm_min, expert_ids, expert_weights);
  }
  void do_experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
                  const Operand& experts, int64_t first_expert, const Tensor& out) override {
    real_->experts(x, expert_ids, expert_weights, experts, first_expert, out);
  }
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) override {
    real_->gather_rows(x, rows, out);
  }
  void do_argmax(const Tensor& logits, const Tensor& ids) override { real_->argmax(logits, ids); }

 private:
  std::unique_ptr<Backend> real_;
  std::shared_ptr<Failure> failure_;
};

}  // namespace ernie
