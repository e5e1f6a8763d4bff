#include "model/model_harness.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/rng.h"

namespace ernie::testing {
namespace {

constexpr int64_t kMaxTokens = 64, kMaxSequences = 8, kNumBlocks = 127;

}  // namespace

void Values::append(const Values& more) {
  ASSERT_TRUE(rows == 0 || columns == more.columns);
  columns = more.columns;
  rows += more.rows;
  data.insert(data.end(), more.data.begin(), more.data.end());
}

Values to_host(Backend& backend, const Tensor& tensor) {
  std::vector<std::byte> raw(tensor.num_bytes());
  backend.copy_out(tensor, raw.data());
  Values values{tensor.dim(0), tensor.row_elements(), {}};
  for (int64_t i = 0; i < tensor.shape.num_elements(); ++i) {
    values.data.push_back(tensor.dtype == DType::kI32
                              ? static_cast<float>(reinterpret_cast<const int32_t*>(raw.data())[i])
                              : load_float(tensor.dtype, raw.data(), i));
  }
  return values;
}

class ModelHarness::Recorder final : public ForwardObserver {
 public:
  Recorder(Backend& backend, std::map<std::string, Values>& seen)
      : backend_(backend), seen_(seen) {}
  void observe(std::string_view what, int64_t layer, const Tensor& value) override {
    const std::string name = layer < 0 ? std::string(what) : fmt::format("{}.{}", what, layer);
    seen_[name] = to_host(backend_, value);
  }

 private:
  Backend& backend_;
  std::map<std::string, Values>& seen_;
};

ModelHarness::ModelHarness(const std::string& model_dir, const std::string& device,
                           const BackendOptions& options, int64_t block_size) {
  auto weights = open_checkpoint(model_dir);
  if (!weights) throw std::runtime_error(weights.error().message);
  weights_ = *std::move(weights);
  load(device, options, block_size);
}

ModelHarness::ModelHarness(std::unique_ptr<WeightSource> weights, const std::string& device,
                           const BackendOptions& options, int64_t block_size)
    : weights_(std::move(weights)) {
  load(device, options, block_size);
}

void ModelHarness::load(const std::string& device, const BackendOptions& options,
                        int64_t block_size) {
  backend_ = make_backend(device, options).value();
  model_ =
      Model::load(*weights_, *backend_, {.max_tokens = kMaxTokens, .max_logit_rows = kMaxTokens})
          .value();
  const ModelConfig& c = config();
  cache_ =
      backend_
          ->allocate_kv_cache({c.num_layers, kNumBlocks, block_size, c.num_kv_heads, c.head_dim})
          .value();
  reset();
}

void ModelHarness::reset() {
  blocks_.assign(kMaxSequences, {});
  context_lens_.assign(kMaxSequences, 0);
}

int32_t ModelHarness::slot(size_t sequence, int64_t index) {
  const int64_t block_size = cache_->shape().block_size;
  std::vector<int32_t>& blocks = blocks_[sequence];
  while (static_cast<int64_t>(blocks.size()) * block_size <= index) {
    next_block_ =
        (next_block_ + 37) % static_cast<int32_t>(kNumBlocks);  // 127 is prime: all are met
    blocks.push_back(next_block_);
  }
  return static_cast<int32_t>(blocks[static_cast<size_t>(index / block_size)] * block_size +
                              index % block_size);
}

Values ModelHarness::run(const std::vector<Chunk>& chunks) {
  std::vector<int32_t> ids, positions, slots, query_start{0}, context_lens;
  size_t max_blocks = 0;
  for (const Chunk& chunk : chunks) {
    for (size_t i = 0; i < chunk.token_ids.size(); ++i) {
      ids.push_back(chunk.token_ids[i]);
      positions.push_back(chunk.positions[i]);
      slots.push_back(slot(chunk.sequence, context_lens_[chunk.sequence]++));
    }
    query_start.push_back(static_cast<int32_t>(ids.size()));
    context_lens.push_back(static_cast<int32_t>(context_lens_[chunk.sequence]));
    max_blocks = std::max(max_blocks, blocks_[chunk.sequence].size());
  }
  std::vector<int32_t> tables;
  for (const Chunk& chunk : chunks) {
    std::vector<int32_t> blocks = blocks_[chunk.sequence];
    blocks.resize(max_blocks, -1);  // must never be read
    tables.insert(tables.end(), blocks.begin(), blocks.end());
  }
  std::vector<std::shared_ptr<void>> memory;
  const auto upload = [&](const std::vector<int32_t>& values, const Shape& shape) {
    memory.push_back(backend_->allocate(values.size() * sizeof(int32_t)).value());
    const Tensor tensor{memory.back().get(), DType::kI32, shape};
    backend_->copy_in(values.data(), tensor);
    return tensor;
  };
  const auto num_tokens = static_cast<int64_t>(ids.size());
  const auto num_seqs = static_cast<int64_t>(chunks.size());
  const Batch batch{
      .token_ids = upload(ids, {num_tokens}),
      .positions = upload(positions, {num_tokens}),
      .slot_mapping = upload(slots, {num_tokens}),
      .attention = {
          .query_start = upload(query_start, {num_seqs + 1}),
          .context_lens = upload(context_lens, {num_seqs}),
          .block_tables = upload(tables, {num_seqs, static_cast<int64_t>(max_blocks)}),
          .max_context_len = *std::max_element(context_lens.begin(), context_lens.end())}};
  seen_.clear();
  Recorder recorder(*backend_, seen_);
  const Tensor hidden = model_->forward(batch, *cache_, &recorder);
  std::vector<int32_t> all_rows(ids.size());
  std::iota(all_rows.begin(), all_rows.end(), 0);
  return to_host(*backend_, model_->logits(hidden, upload(all_rows, {num_tokens})));
}

std::vector<int32_t> random_ids(int64_t count, int64_t vocab_size, uint64_t seed) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(philox_uniform(seed, 7, static_cast<uint64_t>(i)) *
                                       static_cast<double>(vocab_size)));
  }
  return ids;
}

std::vector<int32_t> positions_from(int64_t first, int64_t count) {
  std::vector<int32_t> positions(static_cast<size_t>(count));
  std::iota(positions.begin(), positions.end(), static_cast<int32_t>(first));
  return positions;
}

}  // namespace ernie::testing
