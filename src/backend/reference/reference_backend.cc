#include "backend/reference/reference_backend.h"

#include <cstring>

#include "backend/reference/values.h"

namespace ernie::reference {
namespace {

/// Rounded to bfloat16, whatever the file has; float32 would only widen what is there.
HostMatrix stored(const HostMatrix& weight, FormatId format) {
  return format == FormatId::kBF16 ? HostMatrix(weight.to_tensor(DType::kBF16)) : weight;
}
Result<void> check_dense(const HostMatrix& weight) {
  if (dense_dtype(weight.format().id)) return {};
  return make_error(ErrorCode::kUnsupported,
                    "reference: got a weight in {}, expected F32, BF16 or F16",
                    weight.format().name);
}

}  // namespace

std::string ReferenceBackend::describe() const {
  return fmt::format("reference, scalar, double sums, {} activations", dtype_name(act_));
}

Result<std::shared_ptr<void>> ReferenceBackend::allocate(size_t num_bytes) {
  constexpr size_t kAlignment = 256;  // as backend.h promises
  std::shared_ptr<std::byte> memory = allocate_aligned(num_bytes, kAlignment);
  if (memory == nullptr) {
    return make_error(ErrorCode::kOutOfMemory, "reference: cannot allocate {} bytes", num_bytes);
  }
  std::memset(memory.get(), 0, num_bytes);
  return std::shared_ptr<void>(memory);
}

void ReferenceBackend::copy_in(const void* host, const Tensor& device) {
  std::memcpy(device.data, host, device.num_bytes());
}

Result<void> ReferenceBackend::copy_out(const Tensor& device, void* host) {
  std::memcpy(host, device.data, device.num_bytes());
  return {};
}

Result<std::unique_ptr<KvCache>> ReferenceBackend::allocate_kv_cache(const KvCacheShape& shape) {
  return std::unique_ptr<KvCache>(new ReferenceKvCache(shape, formats_.kv_cache));
}

size_t ReferenceBackend::kv_bytes_per_token(const KvCacheShape& shape) const {
  return static_cast<size_t>(2 * shape.num_layers * shape.num_kv_heads * shape.head_dim) *
         dtype_bytes(formats_.kv_cache);
}

Result<OperandPtr> ReferenceBackend::prepare_matrix(std::span<const HostMatrix> row_blocks,
                                                    MatrixUse use) {
  std::vector<HostMatrix> blocks;
  for (const HostMatrix& block : row_blocks) {
    ERNIE_TRY_VOID(check_dense(block));
    blocks.push_back(stored(block, formats_.of(use)));
  }
  return OperandPtr(new Matrix(std::move(blocks)));
}

Result<OperandPtr> ReferenceBackend::prepare_vector(const HostMatrix& vector, VectorUse use) {
  ERNIE_TRY_VOID(check_dense(vector));
  // A norm has the precision of the model's dtype.
  const bool is_rounded = use == VectorUse::kNorm && act_ == DType::kBF16;
  return OperandPtr(new Vector(stored(vector, is_rounded ? FormatId::kBF16 : FormatId::kF32)));
}

Result<OperandPtr> ReferenceBackend::prepare_experts(const Shape& shape,
                                                     std::span<const ExpertMatrices> experts) {
  std::vector<ExpertMatrices> all;
  for (const ExpertMatrices& e : experts) {
    for (const HostMatrix* matrix : {&e.gate, &e.up, &e.down}) ERNIE_TRY_VOID(check_dense(*matrix));
    const FormatId format = formats_.experts;
    all.push_back({stored(e.gate, format), stored(e.up, format), stored(e.down, format)});
  }
  return OperandPtr(new Experts(shape, all));
}

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
