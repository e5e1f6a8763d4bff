#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "bench/op_case.h"

namespace ernie::bench {
namespace {

constexpr size_t kNoiseCount = size_t{1} << 20;
constexpr int64_t kBlockSize = 16;
constexpr float kWeightScale = 0.02f;
constexpr float kEps = 1e-5f, kNormMin = 1e-12f;
constexpr int64_t kMostCopies = 1 << 20;
constexpr int64_t kRoutings = 64;
constexpr int64_t kFillTokens = 4096;

size_t aligned(size_t num_bytes) { return (num_bytes + 63) / 64 * 64; }

/// The first `count` of a random order of 0, 1, …, n - 1.
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

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

OpFixtures::OpFixtures(Backend& backend, size_t working_set_bytes, uint64_t seed)
    : backend_(backend), working_set_bytes_(working_set_bytes), seed_(seed) {
  std::vector<float> noise(kNoiseCount);
  for (size_t i = 0; i < noise.size(); i += 2) {
    const auto pair = philox_normal(seed, 0, i);
    noise[i] = pair[0];
    noise[i + 1] = pair[1];
  }
  noise_ = std::make_shared<const std::vector<float>>(std::move(noise));
}

int64_t OpFixtures::copies_of(double bytes) const {
  const double copies = std::ceil(static_cast<double>(working_set_bytes_) / std::max(bytes, 1.0));
  return std::clamp(static_cast<int64_t>(copies), int64_t{1}, kMostCopies);
}

ElementBytes OpFixtures::element_bytes(double weight) const {
  return {.activation = static_cast<double>(dtype_bytes(backend_.activation_dtype())),
          .weight = weight};
}

double OpFixtures::kv_element_bytes(const QkvLayout& layout) const {
  const KvCacheShape shape{1, 1, 1, layout.num_kv_heads, layout.head_dim};
  return static_cast<double>(backend_.kv_bytes_per_token(shape)) /
         static_cast<double>(2 * layout.num_kv_heads * layout.head_dim);
}

Result<OpFixtures::Copies> OpFixtures::floats(const Shape& shape, DType dtype, int64_t count) {
  Copies copies{
      nullptr, {nullptr, dtype, shape}, aligned(Tensor{nullptr, dtype, shape}.num_bytes()), count};
  ERNIE_TRY(copies.memory, backend_.allocate(copies.stride * static_cast<size_t>(count)));
  copies.first.data = copies.memory.get();
  HostTensor host = HostTensor::allocate(DType::kF32, shape);
  for (int64_t c = 0; c < count; ++c) {
    const std::span<float> values = host.mutable_values<float>();
    size_t at = static_cast<size_t>(philox(seed_, 1, static_cast<uint64_t>(c))[0]) % kNoiseCount;
    for (size_t i = 0; i < values.size();) {
      const size_t n = std::min(values.size() - i, kNoiseCount - at);
      std::copy_n(noise_->begin() + static_cast<ptrdiff_t>(at), n,
                  values.begin() + static_cast<ptrdiff_t>(i));
      i += n;
      at = 0;
    }
    backend_.copy_in(host.converted(dtype).data(), copies.at(c));
  }
  return copies;
}

Result<OpFixtures::Copies> OpFixtures::integers(
    const Shape& shape, int64_t count,
    const std::function<void(int64_t, std::span<int32_t>)>& fill) {
  Copies copies{nullptr,
                {nullptr, DType::kI32, shape},
                aligned(Tensor{nullptr, DType::kI32, shape}.num_bytes()),
                count};
  ERNIE_TRY(copies.memory, backend_.allocate(copies.stride * static_cast<size_t>(count)));
  copies.first.data = copies.memory.get();
  std::vector<int32_t> values(static_cast<size_t>(shape.num_elements()));
  for (int64_t c = 0; c < count; ++c) {
    fill(c, values);
    backend_.copy_in(values.data(), copies.at(c));
  }
  return copies;
}

HostMatrix OpFixtures::random_matrix(int64_t rows, int64_t columns) const {
  HostTensor matrix = HostTensor::allocate(DType::kBF16, {rows, columns});
  const std::span<bf16> values = matrix.mutable_values<bf16>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = to_bf16(kWeightScale * (*noise_)[i % kNoiseCount]);
  }
  return matrix;
}

Result<OpFixtures::WeightsPtr> OpFixtures::matrices(int64_t in, int64_t out, MatrixUse use) {
  // The head is the embedding table: one of it serves both.
  const std::string name =
      fmt::format("{}x{} {}", in, out, use == MatrixUse::kRouter ? "router" : "matrix");
  if (name == kept_name_) return kept_;
  const HostMatrix host = random_matrix(out, in);
  const auto prepare = [&] { return backend_.prepare_matrix({&host, 1}, use); };
  return keep_copies(name, static_cast<double>(in * out), prepare);
}

Result<OpFixtures::WeightsPtr> OpFixtures::keep_copies(
    const std::string& name, double num_elements,
    const std::function<Result<OperandPtr>()>& prepare) {
  kept_.reset();  // first, so that both are never held
  kept_name_.clear();
  auto weights = std::make_shared<Weights>();
  int64_t count = 1;
  for (int64_t i = 0; i < count; ++i) {
    ERNIE_TRY(OperandPtr operand, prepare());
    const auto num_bytes = static_cast<double>(operand->num_bytes());
    weights->bytes_per_element = num_bytes / num_elements;
    count = copies_of(num_bytes);
    weights->operands.push_back(std::move(operand));
  }
  kept_name_ = name;
  kept_ = weights;
  return kept_;
}

Result<OpFixtures::WeightsPtr> OpFixtures::expert_weights(int64_t num_experts, int64_t hidden,
                                                          int64_t width) {
  const std::string name = fmt::format("{} experts {}x{}", num_experts, hidden, width);
  if (name == kept_name_) return kept_;
  const HostMatrix up = random_matrix(width, hidden), down = random_matrix(hidden, width);
  const std::vector<ExpertMatrices> all(static_cast<size_t>(num_experts), {up, up, down});
  return keep_copies(name, static_cast<double>(3 * num_experts * hidden * width), [&] {
    return backend_.prepare_experts({num_experts, hidden, width}, all);
  });
}

Result<OperandPtr> OpFixtures::vector(int64_t size, VectorUse use, float value) {
  HostTensor host = HostTensor::allocate(DType::kF32, {size});
  std::ranges::fill(host.mutable_values<float>(), value);
  return backend_.prepare_vector(host, use);
}

Result<PreparedOp> OpFixtures::embed(int64_t tokens, int64_t vocab, int64_t hidden) {
  ERNIE_TRY(const WeightsPtr table, matrices(hidden, vocab, MatrixUse::kEmbedding));
  const OpCost cost = embed_cost(tokens, hidden, element_bytes(table->bytes_per_element));
  const int64_t n = copies_of(cost);
  ERNIE_TRY(const Copies ids, integers({tokens}, n, [&](int64_t c, std::span<int32_t> values) {
              for (size_t i = 0; i < values.size(); ++i) {
                const double u = philox_uniform(seed_, 2 + static_cast<uint64_t>(c), i);
                values[i] = static_cast<int32_t>(u * static_cast<double>(vocab));
              }
            }));
  ERNIE_TRY(const Copies out, activations({tokens, hidden}, n));
  return PreparedOp{
      [this, table, ids, out](int64_t i) { backend_.embed(ids.at(i), table->at(0), 0, out.at(i)); },
      cost, n};
}

Result<PreparedOp> OpFixtures::rms_norm(int64_t tokens, int64_t hidden) {
  const OpCost cost = rms_norm_cost(tokens, hidden, element_bytes());
  const int64_t n = copies_of(cost);
  ERNIE_TRY(OperandPtr made, vector(hidden, VectorUse::kNorm, 1.0f));
  const std::shared_ptr<const Operand> weight = std::move(made);
  ERNIE_TRY(const Copies x, activations({tokens, hidden}, n));
  ERNIE_TRY(const Copies out, activations({tokens, hidden}, n));
  return PreparedOp{
      [this, x, weight, out](int64_t i) { backend_.rms_norm(x.at(i), *weight, kEps, out.at(i)); },
      cost, n};
}

Result<PreparedOp> OpFixtures::linear(int64_t tokens, int64_t in, int64_t out, MatrixUse use) {
  ERNIE_TRY(const WeightsPtr weights, matrices(in, out, use));
  const OpCost cost = linear_cost(tokens, in, out, element_bytes(weights->bytes_per_element));
  // The weights alone fill the working set; as many copies of the activations are enough.
  const auto n = static_cast<int64_t>(weights->operands.size());
  const DType out_dtype = use == MatrixUse::kRouter ? DType::kF32 : backend_.activation_dtype();
  ERNIE_TRY(const Copies x, activations({tokens, in}, n));
  ERNIE_TRY(const Copies y, floats({tokens, out}, out_dtype, n));
  return PreparedOp{
      [this, x, weights, y](int64_t i) { backend_.linear(x.at(i), weights->at(i), y.at(i)); }, cost,
      n};
}

Result<PreparedOp> OpFixtures::rope_table(int64_t tokens, int64_t head_dim, double theta) {
  const OpCost cost = rope_table_cost(tokens, head_dim);
  const int64_t n = copies_of(cost);
  ERNIE_TRY(const Copies positions, integers({tokens}, n, [](int64_t c, std::span<int32_t> values) {
              std::iota(values.begin(), values.end(), static_cast<int32_t>(c));
            }));
  ERNIE_TRY(const Copies table, floats({tokens, head_dim / 2, 2}, DType::kF32, n));
  return PreparedOp{[this, positions, theta, table](int64_t i) {
                      backend_.rope_table(positions.at(i), theta, table.at(i));
                    },
                    cost, n};
}

Result<PreparedOp> OpFixtures::rope(int64_t tokens, const QkvLayout& layout) {
  const OpCost cost = rope_cost(tokens, layout, element_bytes());
  const int64_t n = copies_of(cost);
  ERNIE_TRY(const Copies qkv, activations({tokens, layout.row_size()}, n));
  // An angle of zero: values that are turned again and again must not decay.
  ERNIE_TRY(const Copies positions, integers({tokens}, 1, [](int64_t, std::span<int32_t> values) {
              std::ranges::fill(values, 0);
            }));
  ERNIE_TRY(const Copies table, floats({tokens, layout.head_dim / 2, 2}, DType::kF32, n));
  for (int64_t i = 0; i < n; ++i) backend_.rope_table(positions.at(0), 10000.0, table.at(i));
  return PreparedOp{
      [this, qkv, layout, table](int64_t i) { backend_.rope(qkv.at(i), layout, table.at(i)); },
      cost, n};
}

Result<PreparedOp> OpFixtures::store_kv(int64_t tokens, const QkvLayout& layout) {
  ElementBytes bytes = element_bytes();
  bytes.kv = kv_element_bytes(layout);
  const OpCost cost = store_kv_cost(tokens, layout, bytes);
  const int64_t n = copies_of(cost);
  ERNIE_TRY(const Copies qkv, activations({tokens, layout.row_size()}, n));
  const int64_t num_blocks = ceil_div(tokens, kBlockSize);
  ERNIE_TRY(std::unique_ptr<KvCache> made,
            backend_.allocate_kv_cache(
                {n, num_blocks, kBlockSize, layout.num_kv_heads, layout.head_dim}));
  const std::shared_ptr<KvCache> cache = std::move(made);
  ERNIE_TRY_VOID(fill_cache(*cache, layout));
  ERNIE_TRY(const Copies slots, integers({tokens}, 1, [](int64_t, std::span<int32_t> values) {
              std::iota(values.begin(), values.end(), 0);
            }));
  return PreparedOp{[this, qkv, layout, slots, cache, n](int64_t i) {
                      backend_.store_kv(qkv.at(i), layout, slots.at(0), *cache, i % n);
                    },
                    cost, n};
}

/// Writes every slot: memory that never was is mapped on its first use, and may be one page of
/// zeros that a cache holds.
Result<void> OpFixtures::fill_cache(KvCache& cache, const QkvLayout& layout) {
  const KvCacheShape& shape = cache.shape();
  const int64_t num_slots = shape.num_blocks * shape.block_size;
  const int64_t step = std::min(num_slots, kFillTokens);
  ERNIE_TRY(const Copies qkv, activations({step, layout.row_size()}, 1));
  for (int64_t begin = 0; begin < num_slots; begin += step) {
    const int64_t count = std::min(step, num_slots - begin);
    ERNIE_TRY(const Copies slots, integers({count}, 1, [&](int64_t, std::span<int32_t> values) {
                std::iota(values.begin(), values.end(), static_cast<int32_t>(begin));
              }));
    for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
      backend_.store_kv(qkv.at(0).rows(0, count), layout, slots.at(0), cache, layer);
    }
    ERNIE_TRY_VOID(backend_.synchronize());
  }
  return {};
}

Result<PreparedOp> OpFixtures::attention(const std::vector<QuerySpan>& sequences,
                                         const QkvLayout& layout) {
  ElementBytes bytes = element_bytes();
  bytes.kv = kv_element_bytes(layout);
  const OpCost cost = attention_cost(sequences, layout, bytes);
  const int64_t n = copies_of(cost);
  const auto num_seqs = static_cast<int64_t>(sequences.size());
  int64_t tokens = 0, longest = 0;
  std::vector<int32_t> starts{0}, lens;
  for (const QuerySpan& s : sequences) {
    tokens += s.num_queries;
    longest = std::max(longest, s.context_len);
    starts.push_back(static_cast<int32_t>(tokens));
    lens.push_back(static_cast<int32_t>(s.context_len));
  }
  const int64_t max_blocks = ceil_div(longest, kBlockSize), num_blocks = num_seqs * max_blocks;
  ERNIE_TRY(std::unique_ptr<KvCache> made,
            backend_.allocate_kv_cache(
                {n, num_blocks, kBlockSize, layout.num_kv_heads, layout.head_dim}));
  const std::shared_ptr<KvCache> cache = std::move(made);
  ERNIE_TRY_VOID(fill_cache(*cache, layout));
  const auto upload = [this](const std::vector<int32_t>& all, const Shape& shape) {
    return integers(shape, 1, [&](int64_t, std::span<int32_t> values) {
      std::copy(all.begin(), all.end(), values.begin());
    });
  };
  // A server's blocks are in any order after a while.
  std::vector<int32_t> blocks(static_cast<size_t>(num_blocks));
  draw_distinct(blocks, num_blocks, seed_, 3);
  ERNIE_TRY(const Copies start, upload(starts, {num_seqs + 1}));
  ERNIE_TRY(const Copies len, upload(lens, {num_seqs}));
  ERNIE_TRY(const Copies tables, upload(blocks, {num_seqs, max_blocks}));
  ERNIE_TRY(const Copies qkv, activations({tokens, layout.row_size()}, n));
  ERNIE_TRY(const Copies out, activations({tokens, layout.q_size()}, n));
  return PreparedOp{[=, this](int64_t i) {
                      const AttentionBatch batch{start.at(0), len.at(0), tables.at(0), longest};
                      backend_.attention(qkv.at(i), layout, *cache, i % n, batch, out.at(i));
                    },
                    cost, n};
}

Result<PreparedOp> OpFixtures::silu_mul(int64_t tokens, int64_t width) {
  const OpCost cost = silu_mul_cost(tokens, width, element_bytes());
  const int64_t n = copies_of(cost);
  ERNIE_TRY(const Copies x, activations({tokens, 2 * width}, n));
  ERNIE_TRY(const Copies out, activations({tokens, width}, n));
  return PreparedOp{[this, x, out](int64_t i) { backend_.silu_mul(x.at(i), out.at(i)); }, cost, n};
}

Result<PreparedOp> OpFixtures::add(int64_t tokens, int64_t hidden) {
  const OpCost cost = add_cost(tokens, hidden, element_bytes());
  const int64_t n = copies_of(cost);
  ERNIE_TRY(const Copies x, activations({tokens, hidden}, n));
  ERNIE_TRY(const Copies y, activations({tokens, hidden}, n));
  // In place, as the model adds to the residual stream.
  return PreparedOp{[this, x, y](int64_t i) { backend_.add(x.at(i), y.at(i), x.at(i)); }, cost, n};
}

Result<PreparedOp> OpFixtures::route(int64_t tokens, int64_t num_experts, int64_t chosen) {
  const OpCost cost = route_cost(tokens, num_experts, chosen);
  const int64_t n = copies_of(cost);
  ERNIE_TRY(OperandPtr made, vector(num_experts, VectorUse::kRouterBias, 0.0f));
  const std::shared_ptr<const Operand> bias = std::move(made);
  ERNIE_TRY(const Copies logits, floats({tokens, num_experts}, DType::kF32, n));
  ERNIE_TRY(const Copies weights, floats({tokens, chosen}, DType::kF32, n));
  ERNIE_TRY(const Copies ids, integers({tokens, chosen}, n, [](int64_t, std::span<int32_t> values) {
              std::ranges::fill(values, 0);
            }));
  return PreparedOp{[=, this](int64_t i) {
                      backend_.route(logits.at(i), *bias, kNormMin, ids.at(i), weights.at(i));
                    },
                    cost, n};
}

Result<PreparedOp> OpFixtures::experts(int64_t tokens, int64_t num_experts, int64_t chosen,
                                       int64_t hidden, int64_t width) {
  ERNIE_TRY(const WeightsPtr weights, expert_weights(num_experts, hidden, width));
  const auto n = std::max(kRoutings, static_cast<int64_t>(weights->operands.size()));
  double num_touched = 0;
  ERNIE_TRY(const Copies ids,
            integers({tokens, chosen}, n, [&](int64_t c, std::span<int32_t> values) {
              std::vector<bool> touched(static_cast<size_t>(num_experts));
              for (int64_t t = 0; t < tokens; ++t) {
                const auto row =
                    values.subspan(static_cast<size_t>(t * chosen), static_cast<size_t>(chosen));
                draw_distinct(row, num_experts, seed_, 4 + static_cast<uint64_t>(c * tokens + t));
                for (const int32_t id : row) touched[static_cast<size_t>(id)] = true;
              }
              num_touched += static_cast<double>(std::ranges::count(touched, true));
            }));
  const OpCost cost = experts_cost(tokens, chosen, num_touched / static_cast<double>(n), hidden,
                                   width, element_bytes(weights->bytes_per_element));
  ERNIE_TRY(const Copies shares, floats({tokens, chosen}, DType::kF32, 1));
  ERNIE_TRY(const Copies x, activations({tokens, hidden}, n));
  ERNIE_TRY(const Copies out, activations({tokens, hidden}, n));
  return PreparedOp{[=, this](int64_t i) {
                      backend_.experts(x.at(i), ids.at(i), shares.at(0), weights->at(i), 0,
                                       out.at(i));
                    },
                    cost, n};
}

Result<PreparedOp> OpFixtures::gather_rows(int64_t rows, int64_t hidden) {
  const OpCost cost = gather_rows_cost(rows, hidden, element_bytes());
  const int64_t n = copies_of(cost);
  ERNIE_TRY(const Copies x, activations({rows, hidden}, n));
  ERNIE_TRY(const Copies ids, integers({rows}, n, [&](int64_t c, std::span<int32_t> values) {
              draw_distinct(values, rows, seed_, 5 + static_cast<uint64_t>(c));
            }));
  ERNIE_TRY(const Copies out, activations({rows, hidden}, n));
  return PreparedOp{
      [this, x, ids, out](int64_t i) { backend_.gather_rows(x.at(i), ids.at(i), out.at(i)); }, cost,
      n};
}

}  // namespace ernie::bench
