#include "bench/operand_maker.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace ernie::bench {
namespace {

constexpr size_t kNoiseCount = size_t{1} << 20;
constexpr float kWeightScale = 0.02f;
constexpr DType kHostType = DType::kBF16;  // of weights before a device prepares them
constexpr int64_t kMostCopies = 1 << 20;
constexpr int64_t kRoutings = 64;  // different choices of experts, at least
constexpr int64_t kFillTokens = 4096;

size_t aligned(size_t num_bytes) { return (num_bytes + 63) / 64 * 64; }

bool is_weight(const OperandSpec& spec) {
  return spec.kind == OperandKind::kMatrix || spec.kind == OperandKind::kExperts;
}

/// Elements that it stores, where an expert has three matrices.
double num_stored(const OperandSpec& spec) {
  const auto elements = static_cast<double>(spec.shape.num_elements());
  return spec.kind == OperandKind::kExperts ? 3 * elements : elements;
}

/// What an operand holds. One that only views the matrices it was made of holds those.
double num_bytes_of(const Operand& operand, const OperandSpec& spec) {
  const auto own = static_cast<double>(operand.num_bytes());
  return own > 0 ? own : num_stored(spec) * static_cast<double>(dtype_bytes(kHostType));
}

/// The same for weights that may be shared. The head is the embedding table: one serves both.
std::string weight_name(const OperandSpec& spec) {
  const char* kind = spec.kind == OperandKind::kExperts      ? "experts"
                     : spec.matrix_use == MatrixUse::kRouter ? "router"
                                                             : "matrix";
  return fmt::format("{} {}", kind, to_string(spec.shape));
}

/// The first values of a random order of 0, 1, …, n - 1.
void draw_distinct(std::span<int32_t> chosen, int64_t n, uint64_t seed, uint64_t stream) {
  std::vector<int32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = 0; i < chosen.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    const auto j = i + static_cast<size_t>(philox_uniform(seed, stream, i) * left);
    std::swap(order[i], order[j]);
    chosen[i] = order[i];
  }
}

/// Equal tensors one behind another.
struct Copies {
  std::shared_ptr<void> memory;
  Tensor first;
  size_t stride = 0;
  int64_t count = 1;
  Tensor at(int64_t call) const {
    const auto i = static_cast<size_t>(call % count);
    return {static_cast<std::byte*>(first.data) + i * stride, first.dtype, first.shape};
  }
};

Result<Copies> allocate_copies(Backend& backend, DType dtype, const Shape& shape, int64_t count) {
  Copies copies{nullptr, {nullptr, dtype, shape}, 0, count};
  copies.stride = aligned(copies.first.num_bytes());
  ERNIE_TRY(copies.memory, backend.allocate(copies.stride * static_cast<size_t>(count)));
  copies.first.data = copies.memory.get();
  return copies;
}

}  // namespace

OperandMaker::OperandMaker(Backend& backend, size_t working_set_bytes, uint64_t seed)
    : backend_(backend), working_set_bytes_(working_set_bytes), seed_(seed), noise_(kNoiseCount) {
  for (size_t i = 0; i < noise_.size(); i += 2) {
    const auto pair = philox_normal(seed, 0, i);
    noise_[i] = pair[0];
    noise_[i + 1] = pair[1];
  }
}

Result<PreparedOp> OperandMaker::prepare(const Operation& operation) {
  std::vector<WeightsPtr> weights;
  ERNIE_TRY_VOID(prepare_weights(operation, weights));
  const OpCost cost = cost_of_call(operation, weights);
  const int64_t num_copies = copies_of_tensors(operation, cost, weights);
  std::vector<ArgumentOfCall> arguments;
  for (size_t i = 0; i < operation.operands.size(); ++i) {
    ERNIE_TRY(ArgumentOfCall made, argument(operation.operands[i], weights[i], num_copies));
    arguments.push_back(std::move(made));
  }
  auto call = [this, run = operation.call, arguments = std::move(arguments),
               values = std::vector<Argument>(operation.operands.size())](int64_t i) mutable {
    for (size_t a = 0; a < values.size(); ++a) values[a] = arguments[a](i);
    run(backend_, values);
  };
  return PreparedOp{std::move(call), cost, num_copies};
}

/// One entry for each operand, null where it is no weight. What the last operation used and this
/// one does not is freed first, so that no more is held than one of them needs.
Result<void> OperandMaker::prepare_weights(const Operation& operation,
                                           std::vector<WeightsPtr>& weights) {
  std::erase_if(kept_, [&](const auto& kept) {
    return std::ranges::none_of(operation.operands, [&](const OperandSpec& spec) {
      return is_weight(spec) && weight_name(spec) == kept.first;
    });
  });
  for (const OperandSpec& spec : operation.operands) {
    weights.push_back(nullptr);
    if (!is_weight(spec)) continue;
    WeightsPtr& kept = kept_[weight_name(spec)];
    if (kept == nullptr) {
      ERNIE_TRY(kept, keep_copies(spec));
    }
    weights.back() = kept;
  }
  return {};
}

Result<OperandMaker::WeightsPtr> OperandMaker::keep_copies(const OperandSpec& spec) {
  auto weights = std::make_shared<Weights>();
  int64_t count = 1;
  for (int64_t i = 0; i < count; ++i) {
    ERNIE_TRY(OperandPtr operand, prepare_weight(spec));
    const double num_bytes = num_bytes_of(*operand, spec);
    weights->bytes_per_element = num_bytes / num_stored(spec);
    count = copies_of(num_bytes);
    weights->operands.push_back(std::move(operand));
  }
  return WeightsPtr(std::move(weights));
}

Result<OperandPtr> OperandMaker::prepare_weight(const OperandSpec& spec) {
  const Shape& shape = spec.shape;
  if (spec.kind == OperandKind::kMatrix) {
    const HostMatrix matrix = random_matrix(shape[0], shape[1]);
    return backend_.prepare_matrix({&matrix, 1}, spec.matrix_use);
  }
  const HostMatrix up = random_matrix(shape[2], shape[1]), down = random_matrix(shape[1], shape[2]);
  const std::vector<ExpertMatrices> all(static_cast<size_t>(shape[0]), {up, up, down});
  return backend_.prepare_experts(shape, all);
}

OpCost OperandMaker::cost_of_call(const Operation& operation,
                                  const std::vector<WeightsPtr>& weights) const {
  const ElementBytes bytes{.activation =
                               static_cast<double>(dtype_bytes(backend_.activation_dtype()))};
  OpCost cost{operation.arithmetic, 0};
  for (size_t i = 0; i < operation.operands.size(); ++i) {
    const OperandSpec& spec = operation.operands[i];
    double each = element_bytes_of(spec, bytes);
    if (weights[i] != nullptr) each = weights[i]->bytes_per_element;
    if (spec.kind == OperandKind::kCache) each = kv_element_bytes(spec.shape);
    cost.bytes += spec.num_touched * each;
  }
  return cost;
}

int64_t OperandMaker::copies_of(double num_bytes) const {
  const double copies =
      std::ceil(static_cast<double>(working_set_bytes_) / std::max(num_bytes, 1.0));
  return std::clamp(static_cast<int64_t>(copies), int64_t{1}, kMostCopies);
}

/// Weights that are read as a whole fill the working set alone: as many copies of the tensors are
/// enough. Which experts are read is another choice with each copy.
int64_t OperandMaker::copies_of_tensors(const Operation& operation, const OpCost& cost,
                                        const std::vector<WeightsPtr>& weights) const {
  int64_t copies = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const OperandSpec& spec = operation.operands[i];
    if (weights[i] == nullptr) continue;
    const auto count = static_cast<int64_t>(weights[i]->operands.size());
    if (spec.kind == OperandKind::kExperts) return std::max(kRoutings, count);
    if (spec.num_touched == num_stored(spec)) copies = std::max(copies, count);
  }
  return copies > 0 ? copies : copies_of(cost.bytes);
}

double OperandMaker::kv_element_bytes(const Shape& shape) const {
  return static_cast<double>(backend_.kv_bytes_per_token({1, 1, 1, shape[2], shape[3]})) /
         static_cast<double>(2 * shape[2] * shape[3]);
}

Result<OperandMaker::ArgumentOfCall> OperandMaker::argument(const OperandSpec& spec,
                                                            const WeightsPtr& weights,
                                                            int64_t num_copies) {
  switch (spec.kind) {
    case OperandKind::kActivation:
      return floats(spec, backend_.activation_dtype(), num_copies);
    case OperandKind::kFloat32:
      return floats(spec, DType::kF32, num_copies);
    case OperandKind::kIds:
      return ids(spec, num_copies);
    case OperandKind::kCache:
      return cache(spec, num_copies);
    case OperandKind::kMatrix:
    case OperandKind::kExperts:
      return ArgumentOfCall([weights](int64_t call) {
        const auto i = static_cast<size_t>(call) % weights->operands.size();
        return Argument{.operand = weights->operands[i].get()};
      });
    case OperandKind::kVector:
      break;
  }
  HostTensor host = HostTensor::allocate(DType::kF32, spec.shape);
  std::ranges::fill(host.mutable_values<float>(),
                    spec.vector_use == VectorUse::kNorm ? 1.0f : 0.0f);
  ERNIE_TRY(OperandPtr made, backend_.prepare_vector(host, spec.vector_use));
  return ArgumentOfCall([vector = std::shared_ptr<const Operand>(std::move(made))](int64_t) {
    return Argument{.operand = vector.get()};
  });
}

Result<OperandMaker::ArgumentOfCall> OperandMaker::floats(const OperandSpec& spec, DType dtype,
                                                          int64_t num_copies) {
  ERNIE_TRY(Copies copies, allocate_copies(backend_, dtype, spec.shape, num_copies));
  HostTensor host = HostTensor::allocate(DType::kF32, spec.shape);
  for (int64_t c = 0; c < num_copies; ++c) {
    fill_floats(spec, c, host.mutable_values<float>());
    backend_.copy_in(host.converted(dtype).data(), copies.at(c));
  }
  return ArgumentOfCall([copies](int64_t call) { return Argument{.tensor = copies.at(call)}; });
}

void OperandMaker::fill_floats(const OperandSpec& spec, int64_t copy,
                               std::span<float> values) const {
  if (spec.contents == Contents::kNoTurn) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = i % 2 == 0 ? 1.0f : 0.0f;
    return;
  }
  size_t at = static_cast<size_t>(philox(seed_, 1, static_cast<uint64_t>(copy))[0]) % kNoiseCount;
  for (size_t i = 0; i < values.size();) {
    const size_t n = std::min(values.size() - i, kNoiseCount - at);
    std::copy_n(noise_.begin() + static_cast<ptrdiff_t>(at), n,
                values.begin() + static_cast<ptrdiff_t>(i));
    i += n;
    at = 0;
  }
}

Result<OperandMaker::ArgumentOfCall> OperandMaker::ids(const OperandSpec& spec,
                                                       int64_t num_copies) {
  const bool varies = spec.contents == Contents::kRandom || spec.contents == Contents::kDistinct;
  const int64_t count = varies && spec.num_touched > 0 ? num_copies : 1;
  ERNIE_TRY(Copies copies, allocate_copies(backend_, DType::kI32, spec.shape, count));
  std::vector<int32_t> values(static_cast<size_t>(spec.shape.num_elements()));
  for (int64_t c = 0; c < count; ++c) {
    fill_ids(spec, c, values);
    backend_.copy_in(values.data(), copies.at(c));
  }
  return ArgumentOfCall([copies](int64_t call) { return Argument{.tensor = copies.at(call)}; });
}

void OperandMaker::fill_ids(const OperandSpec& spec, int64_t copy,
                            std::span<int32_t> values) const {
  const auto stream = static_cast<uint64_t>(copy);
  if (spec.contents == Contents::kGiven) {
    std::ranges::copy(spec.values, values.begin());
  } else if (spec.contents == Contents::kRandom) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double u = philox_uniform(seed_, 2 + stream, i);
      values[i] = static_cast<int32_t>(u * static_cast<double>(spec.limit));
    }
  } else if (spec.contents == Contents::kDistinct) {
    // A vector is one row: a server's blocks are in any order after a while.
    const size_t columns =
        static_cast<size_t>(spec.shape.rank() == 1 ? spec.shape[0] : spec.shape[1]);
    for (size_t at = 0; at < values.size(); at += columns) {
      draw_distinct(values.subspan(at, columns), spec.limit, seed_,
                    4 + stream * (values.size() / columns) + at / columns);
    }
  } else {
    std::iota(values.begin(), values.end(), 0);
  }
}

Result<OperandMaker::ArgumentOfCall> OperandMaker::cache(const OperandSpec& spec,
                                                         int64_t num_copies) {
  const Shape& s = spec.shape;
  ERNIE_TRY(std::unique_ptr<KvCache> made,
            backend_.allocate_kv_cache({num_copies, s[0], s[1], s[2], s[3]}));
  ERNIE_TRY_VOID(fill_cache(*made));
  return ArgumentOfCall(
      [cache = std::shared_ptr<KvCache>(std::move(made)), num_copies](int64_t call) {
        return Argument{.cache = cache.get(), .layer = call % num_copies};
      });
}

/// Writes every slot: memory that never was is mapped on its first use, and may be one page of
/// zeros that a cache holds.
Result<void> OperandMaker::fill_cache(KvCache& cache) {
  const KvCacheShape& shape = cache.shape();
  const QkvLayout layout{.num_heads = shape.num_kv_heads,
                         .num_kv_heads = shape.num_kv_heads,
                         .head_dim = shape.head_dim};
  const int64_t num_slots = shape.num_blocks * shape.block_size;
  const int64_t step = std::min(num_slots, kFillTokens);
  OperandSpec rows{.shape = {step, layout.row_size()}};
  ERNIE_TRY(const ArgumentOfCall qkv, floats(rows, backend_.activation_dtype(), 1));
  for (int64_t begin = 0; begin < num_slots; begin += step) {
    const int64_t count = std::min(step, num_slots - begin);
    OperandSpec spec{.kind = OperandKind::kIds, .shape = {count}, .contents = Contents::kGiven};
    spec.values.resize(static_cast<size_t>(count));
    std::iota(spec.values.begin(), spec.values.end(), static_cast<int32_t>(begin));
    ERNIE_TRY(const ArgumentOfCall slots, ids(spec, 1));
    for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
      backend_.store_kv(qkv(0).tensor.rows(0, count), layout, slots(0).tensor, cache, layer);
    }
    ERNIE_TRY_VOID(backend_.synchronize());
  }
  return {};
}

HostMatrix OperandMaker::random_matrix(int64_t rows, int64_t columns) const {
  HostTensor matrix = HostTensor::allocate(kHostType, {rows, columns});
  const std::span<bf16> values = matrix.mutable_values<bf16>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = to_bf16(kWeightScale * noise_[i % kNoiseCount]);
  }
  return matrix;
}

}  // namespace ernie::bench
