#include "backend/cpu/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/cpu_context.h"
#include "backend/cpu/isa/select.h"

namespace ernie::cpu {
namespace {

constexpr DType kAct = DType::kF32;

const WeightRows& rows_of(const Operand& operand) {
  return static_cast<const CpuMatrix&>(operand).rows();
}
const float* values_of(const Operand& operand) {
  return static_cast<const CpuVector&>(operand).values();
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const CpuOptions& options, const Kernels& kernels)
      : options_(options), context_(kernels, options.num_threads) {}

  std::string_view name() const override { return "cpu"; }
  std::string describe() const override {
    const StorageFormats& f = options_.formats;
    const std::string_view linear = weight_format(f.linear).name;
    const bool is_uniform = f.embedding == f.linear && f.experts == f.linear;
    const std::string weights =
        is_uniform ? std::string(linear)
                   : fmt::format("{} (embedding {}, experts {})", linear,
                                 weight_format(f.embedding).name, weight_format(f.experts).name);
    const std::string storage =
        is_uniform && linear == dtype_name(f.kv_cache)
            ? weights + " weights and cache"
            : weights + " weights, " + std::string(dtype_name(f.kv_cache)) + " cache";
    return fmt::format("cpu, {} kernels, {} threads, {}, F32 activations", context_.kernels.isa,
                       context_.threads.num_threads(), storage);
  }
  DType activation_dtype() const override { return kAct; }

  Result<std::shared_ptr<void>> allocate(size_t num_bytes) override {
    return allocate_pages(num_bytes);
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
    ERNIE_TRY(std::shared_ptr<void> memory,
              allocate_pages(CpuKvCache::num_bytes(shape, options_.formats.kv_cache)));
    return std::unique_ptr<KvCache>(
        new CpuKvCache(shape, options_.formats.kv_cache, std::move(memory)));
  }
  size_t kv_bytes_per_token(const KvCacheShape& shape) const override {
    KvCacheShape one = shape;
    one.num_blocks = one.block_size = 1;
    return CpuKvCache::num_bytes(one, options_.formats.kv_cache);
  }

  Result<OperandPtr> prepare_matrix(std::span<const HostMatrix> row_blocks,
                                    MatrixUse use) override {
    ERNIE_TRY(WeightRows rows,
              make_weight_rows(row_blocks, dense_dtype(options_.formats.of(use)).value(),
                               options_.map_weights));
    return OperandPtr(new CpuMatrix(std::move(rows)));
  }
  Result<OperandPtr> prepare_vector(const HostMatrix& vector, VectorUse use) override {
    ERNIE_TRY(WeightRows rows, make_weight_rows({&vector, 1}, DType::kF32, false));
    auto* values = static_cast<const float*>(rows.data);
    std::vector<float> kept(values, values + rows.num_columns);
    // A norm has the precision of the model's dtype.
    if (use == VectorUse::kNorm && options_.dtype == DType::kBF16) {
      for (float& value : kept) value = to_float(to_bf16(value));
    }
    return OperandPtr(new CpuVector(std::move(kept)));
  }
  Result<OperandPtr> prepare_experts(const Shape& shape,
                                     std::span<const ExpertMatrices> experts) override {
    std::vector<CpuExperts::Expert> all;
    const auto rows = [this](const HostMatrix& matrix) {
      return make_weight_rows({&matrix, 1}, dense_dtype(options_.formats.experts).value(),
                              options_.map_weights);
    };
    for (const ExpertMatrices& e : experts) {
      ERNIE_TRY(WeightRows gate, rows(e.gate));
      ERNIE_TRY(WeightRows up, rows(e.up));
      ERNIE_TRY(WeightRows down, rows(e.down));
      all.push_back({std::move(gate), std::move(up), std::move(down)});
    }
    return OperandPtr(new CpuExperts(shape, std::move(all)));
  }

  void do_embed(const Tensor& token_ids, const Operand& table, int64_t first_row,
                const Tensor& out) override {
    const WeightRows& rows = rows_of(table);
    for (int64_t t = 0; t < out.dim(0); ++t) {
      const int64_t row = token_ids.ptr<int32_t>()[t] - first_row;
      const std::span<float> target = out.row<float>(t);
      if (row < 0 || row >= rows.num_rows) {
        std::ranges::fill(target, 0.0f);
        continue;
      }
      for (int64_t i = 0; i < rows.num_columns; ++i) {
        target[static_cast<size_t>(i)] =
            load_float(rows.dtype, rows.data, row * rows.num_columns + i);
      }
    }
  }
  void do_rms_norm(const Tensor& x, const Operand& weight, float eps, const Tensor& out) override {
    const int64_t width = weight.dim(0);
    context_.threads.run(x.dim(0), x.dim(0) * width / kNormsPerNs, [&](int64_t t, int) {
      const float* row = x.ptr<float>() + t * width;
      const float mean = context_.kernels.sum_of_squares(row, width) / static_cast<float>(width);
      context_.kernels.scale_and_weight(row, 1.0f / std::sqrt(mean + eps), values_of(weight), width,
                                        out.ptr<float>() + t * width);
    });
  }
  void do_linear(const Tensor& x, const Operand& weight, const Tensor& out) override {
    cpu::linear(context_, x, rows_of(weight), out);
  }
  void do_rope_table(const Tensor& positions, double theta, const Tensor& table) override {
    cpu::rope_table(positions, theta, table);
  }
  void do_rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) override {
    cpu::rope(context_, qkv, layout, table);
  }
  void do_copy_kv(KvCache& cache, std::span<const KvCopy> copies) override {
    cpu::copy_kv(static_cast<const CpuKvCache&>(cache), copies);
  }
  void do_store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                   KvCache& cache, int64_t layer) override {
    cpu::store_kv(qkv, layout, slot_mapping, static_cast<const CpuKvCache&>(cache), layer);
  }
  void do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
                    const AttentionBatch& batch, const Tensor& out) override {
    cpu::attention(context_, qkv, layout, static_cast<const CpuKvCache&>(cache), layer, batch, out);
  }
  void do_silu_mul(const Tensor& gate_up, const Tensor& out) override {
    const int64_t width = out.dim(1);
    context_.threads.run(out.dim(0), out.dim(0) * width / kActivationsPerNs, [&](int64_t t, int) {
      const float* gate = gate_up.ptr<float>() + t * 2 * width;
      context_.kernels.silu_mul(gate, gate + width, width, out.ptr<float>() + t * width);
    });
  }
  void do_add(const Tensor& x, const Tensor& y, const Tensor& out) override {
    context_.kernels.add(x.ptr<float>(), y.ptr<float>(), out.shape.num_elements(),
                         out.ptr<float>());
  }
  void do_route(const Tensor& logits, const Operand& bias, float norm_min, const Tensor& expert_ids,
                const Tensor& expert_weights) override {
    cpu::route(context_, logits, values_of(bias), norm_min, expert_ids, expert_weights);
  }
  void do_experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
                  const Operand& experts, int64_t first_expert, const Tensor& out) override {
    cpu::experts(context_, x, expert_ids, expert_weights, static_cast<const CpuExperts&>(experts),
                 first_expert, out);
  }
  void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) override {
    for (int64_t i = 0; i < rows.dim(0); ++i) {
      const std::span<const float> source = x.row<float>(rows.ptr<int32_t>()[i]);
      std::copy(source.begin(), source.end(), out.row<float>(i).begin());
    }
  }
  void do_argmax(const Tensor& logits, const Tensor& ids) override {
    cpu::argmax(context_, logits, ids);
  }

 private:
  CpuOptions options_;
  CpuContext context_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_cpu_backend(const CpuOptions& options) {
  const StorageFormats& f = options.formats;
  for (const FormatId format : {f.linear, f.embedding, f.experts}) {
    if (format == FormatId::kF32 || format == FormatId::kBF16) continue;
    return make_error(ErrorCode::kUnsupported, "cpu: weights in {}, expected F32 or BF16",
                      weight_format(format).name);
  }
  if (f.kv_cache != DType::kF32 && f.kv_cache != DType::kBF16) {
    return make_error(ErrorCode::kUnsupported, "cpu: KV cache in {}, expected F32 or BF16",
                      dtype_name(f.kv_cache));
  }
  ERNIE_TRY(const Kernels* kernels, select_kernels(options.isa));
  return std::unique_ptr<Backend>(new CpuBackend(options, *kernels));
}

}  // namespace ernie::cpu
