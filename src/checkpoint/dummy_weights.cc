#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"

namespace ernie {
namespace {

/// Uniform values around a mean: sums of many of them are normal, which is all that a matrix
/// product sees, and each costs an eighth of a generator call.
struct Distribution {
  float mean = 0;
  float stddev = 0;
};

/// Scales under which a stack of random layers behaves like a trained one: projections keep the
/// variance of their input, what joins the residual stream is damped so that the stream ends with
/// variance near 1, router logits have a deviation of 3 (a few experts get most of the weight), and
/// logits over the vocabulary one of 2.
Distribution distribution_of(const TensorSpec& tensor, const ModelConfig& config) {
  const std::string_view name = tensor.name;
  if (name.ends_with("e_score_correction_bias")) return {0.0f, 0.01f};
  if (tensor.shape.rank() == 1) return {1.0f, 0.1f};  // a norm
  const float per_input = 1.0f / std::sqrt(static_cast<float>(tensor.shape[1]));
  const float damping = 1.0f / std::sqrt(2.0f * static_cast<float>(config.num_layers));
  if (name.ends_with("embed_tokens.weight") || name == "lm_head.weight") {
    return {0.0f, 2.0f * per_input};
  }
  if (name.ends_with(".mlp.gate.weight")) return {0.0f, 3.0f * per_input};
  if (name.ends_with("o_proj.weight")) return {0.0f, damping * per_input};
  // silu(gate) * up has a deviation of about a half.
  if (name.ends_with("down_proj.weight")) return {0.0f, 2.0f * damping * per_input};
  return {0.0f, per_input};
}

/// FNV-1a.
uint64_t hash(std::string_view text) {
  uint64_t value = 0xcbf29ce484222325u;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return value;
}

void convert(float value, float& target) { target = value; }
void convert(float value, bf16& target) { target = to_bf16(value); }
void convert(float value, f16& target) { target = to_f16(value); }

constexpr int64_t kValuesPerDraw = 8;  // 16 bits each

/// Elements [begin, end) of the tensor; `begin` is a multiple of kValuesPerDraw.
template <typename T>
void fill(T* values, int64_t begin, int64_t end, Distribution distribution, uint64_t seed,
          uint64_t stream) {
  const float scale = distribution.stddev * std::sqrt(3.0f) / 32768.0f;
  for (int64_t i = begin; i < end; i += kValuesPerDraw) {
    const auto words = philox(seed, stream, static_cast<uint64_t>(i / kValuesPerDraw));
    const int64_t count = std::min(kValuesPerDraw, end - i);
    for (int64_t j = 0; j < count; ++j) {
      const auto bits = static_cast<int16_t>(words[static_cast<size_t>(j / 2)] >> (16 * (j % 2)));
      convert(distribution.mean + (static_cast<float>(bits) + 0.5f) * scale, values[i + j]);
    }
  }
}

class DummyWeights : public WeightSource {
 public:
  DummyWeights(const ModelConfig& config, uint64_t seed) : config_(config), seed_(seed) {
    if (!config_.tie_word_embeddings) config_.tie_word_embeddings = true;
    for (TensorSpec& tensor : model_tensors(config_)) {
      std::string name = tensor.name;
      tensors_.emplace(std::move(name), std::move(tensor));
    }
  }

  const ModelConfig& config() const override { return config_; }

  Result<HostMatrix> read(const std::string& name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      return make_error(ErrorCode::kNotFound, "{}: got a request for it, expected a tensor's name",
                        name);
    }
    const TensorSpec& tensor = found->second;
    const DType dtype = tensor.is_float32 ? DType::kF32 : config_.dtype;
    const size_t num_bytes = static_cast<size_t>(tensor.shape.num_elements()) * dtype_bytes(dtype);
    const std::shared_ptr<std::byte> memory = allocate_aligned(num_bytes);
    if (memory == nullptr) {
      return make_error(ErrorCode::kOutOfMemory, "{}: got no memory, expected {} bytes", name,
                        num_bytes);
    }
    fill_in_parallel(tensor, dtype, memory.get());
    return HostMatrix(HostTensor(dtype, tensor.shape, memory.get(), memory));
  }

  std::string describe() const override { return fmt::format("random weights, seed {}", seed_); }

 private:
  void fill_in_parallel(const TensorSpec& tensor, DType dtype, std::byte* data) const {
    constexpr int64_t kChunk = 1 << 17;
    const Distribution distribution = distribution_of(tensor, config_);
    const uint64_t stream = hash(tensor.name);
    const int64_t count = tensor.shape.num_elements();
    const int64_t num_chunks = (count + kChunk - 1) / kChunk;
    const auto max_threads = static_cast<int64_t>(available_processors());
    ThreadPool pool(static_cast<int>(std::clamp<int64_t>(num_chunks / 4, 1, max_threads)));
    pool.run(num_chunks, ThreadPool::kMuchWork, [&](int64_t chunk, int) {
      const int64_t begin = chunk * kChunk, end = std::min(count, begin + kChunk);
      if (dtype == DType::kF32) {
        fill(reinterpret_cast<float*>(data), begin, end, distribution, seed_, stream);
      } else if (dtype == DType::kF16) {
        fill(reinterpret_cast<f16*>(data), begin, end, distribution, seed_, stream);
      } else {
        fill(reinterpret_cast<bf16*>(data), begin, end, distribution, seed_, stream);
      }
    });
  }

  ModelConfig config_;
  uint64_t seed_;
  std::unordered_map<std::string, TensorSpec> tensors_;
};

}  // namespace

std::unique_ptr<WeightSource> make_dummy_weights(const ModelConfig& config, uint64_t seed) {
  return std::make_unique<DummyWeights>(config, seed);
}

}  // namespace ernie
