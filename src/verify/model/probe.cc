#include "verify/model/probe.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "verify/array.h"
#include "verify/random.h"

namespace ernie::verify::model {
namespace {

constexpr int64_t kLogitRows = 64;
constexpr int64_t kBlockStride = 37;  // odd, so that it meets each of 2^n blocks once

/// One sequence's rows in a step.
struct Segment {
  size_t sequence = 0;
  int64_t step_row = 0;  ///< of its first row in the step
  int64_t num_rows = 0;
  int64_t first_row = 0;  ///< the same row's index in the sequence
};

Values rows_of(const Values& all, const Segment& segment) {
  const auto begin = all.data.begin() + segment.step_row * all.columns;
  return {segment.num_rows, all.columns, {begin, begin + segment.num_rows * all.columns}};
}

class TapRecorder final : public ForwardObserver {
 public:
  TapRecorder(Backend& backend, int64_t num_layers, const std::vector<PassRequest>& requests,
              std::vector<PassTrace>& traces)
      : backend_(backend), num_layers_(num_layers), requests_(requests), traces_(traces) {}

  void begin_step(std::vector<Segment> segments) { segments_ = std::move(segments); }

  void observe(Tap tap, int64_t layer, const Tensor& value) override {
    TapPoint point{layer, tap};
    if (point.tap == Tap::kFinalNorm) point.layer = num_layers_;
    Result<Values> read = to_host(backend_, value);
    if (!read) return;  // the device is lost, and says so again when the logits are read
    Values& values = *read;
    bool is_changed = false;
    for (const Segment& segment : segments_) {
      const TapPlan& plan = requests_[segment.sequence].plan;
      if (plan.anchor != nullptr) record(point, values, segment);
      is_changed = anchor(point, plan, segment, values) || is_changed;
      is_changed = add_noise(point, plan, segment, values) || is_changed;
      if (plan.anchor == nullptr) record(point, values, segment);
    }
    if (is_changed) write_to(backend_, value, values.data);
  }

  void record(const TapPoint& point, const Values& values, const Segment& segment) {
    traces_[segment.sequence].taps[point].append(rows_of(values, segment));
  }
  void record_logits(const Values& logits) {
    for (const Segment& segment : segments_) {
      record({num_layers_, Tap::kLogits}, logits, segment);
    }
  }

 private:
  static bool anchor(const TapPoint& point, const TapPlan& plan, const Segment& segment,
                     Values& values) {
    if (plan.anchor == nullptr) return false;
    const auto found = plan.anchor->find(point);
    if (found == plan.anchor->end()) return false;
    for (int64_t i = 0; i < segment.num_rows; ++i) {
      std::ranges::copy(found->second.row(segment.first_row + i),
                        values.row(segment.step_row + i).begin());
    }
    return true;
  }

  static bool add_noise(const TapPoint& point, const TapPlan& plan, const Segment& segment,
                        Values& values) {
    if (!plan.noise || point.tap == Tap::kExpertIds) return false;
    const double size = plan.noise(point);
    if (size == 0) return false;
    const auto part = static_cast<uint64_t>(point.layer + 1) * 16 +
                      static_cast<uint64_t>(point.tap) +
                      (static_cast<uint64_t>(segment.first_row) << 32);
    Random random(sub_seed(plan.seed, part));
    for (int64_t i = 0; i < segment.num_rows; ++i) {
      for (double& x : values.row(segment.step_row + i)) x *= 1 + size * random.normal();
    }
    return true;
  }

  Backend& backend_;
  int64_t num_layers_;
  const std::vector<PassRequest>& requests_;
  std::vector<PassTrace>& traces_;
  std::vector<Segment> segments_;
};

}  // namespace

Result<std::unique_ptr<ModelProbe>> ModelProbe::open(const WeightSource& weights,
                                                     std::unique_ptr<Backend> backend,
                                                     const ProbeOptions& options) {
  std::unique_ptr<ModelProbe> probe(new ModelProbe(std::move(backend), options));
  const ModelConfig& c = weights.config();
  const ModelLimits limits{.max_tokens = options.max_tokens,
                           .max_logit_rows = std::min(options.max_tokens, kLogitRows),
                           .stream_layers = options.stream_layers,
                           .communicator = options.communicator};
  ERNIE_TRY(probe->model_, Model::load(weights, *probe->backend_, limits));
  const int64_t blocks_each =
      (options.max_context_tokens + options.block_size - 1) / options.block_size;
  const auto num_blocks = static_cast<int64_t>(
      std::bit_ceil(static_cast<uint64_t>(options.max_sequences * blocks_each)));
  ERNIE_TRY(probe->cache_, probe->backend_->allocate_kv_cache(
                               {c.num_layers, num_blocks, options.block_size,
                                probe->model_->shape().kv_heads.size(), c.head_dim}));
  probe->reset();
  return probe;
}

void ModelProbe::reset() {
  blocks_.assign(static_cast<size_t>(options_.max_sequences), {});
  context_lens_.assign(static_cast<size_t>(options_.max_sequences), 0);
}

int32_t ModelProbe::slot(size_t sequence, int64_t index) {
  ERNIE_CHECK(index < options_.max_context_tokens, "token {} of {}", index,
              options_.max_context_tokens);
  const int64_t block_size = options_.block_size;
  std::vector<int32_t>& blocks = blocks_[sequence];
  while (static_cast<int64_t>(blocks.size()) * block_size <= index) {
    const int64_t block = ++num_blocks_dealt_ * kBlockStride % cache_->shape().num_blocks;
    blocks.push_back(static_cast<int32_t>(block));
  }
  return static_cast<int32_t>(blocks[static_cast<size_t>(index / block_size)] * block_size +
                              index % block_size);
}

Result<Values> ModelProbe::logits_of(const Tensor& hidden) {
  Values all;
  const int64_t num_rows = hidden.dim(0), step = model_->limits().max_logit_rows;
  for (int64_t begin = 0; begin < num_rows; begin += step) {
    std::vector<int32_t> rows(static_cast<size_t>(std::min(step, num_rows - begin)));
    std::iota(rows.begin(), rows.end(), static_cast<int32_t>(begin));
    ERNIE_TRY(const Array uploaded, upload(*backend_, rows, {static_cast<int64_t>(rows.size())}));
    ERNIE_TRY(const Values logits, to_host(*backend_, model_->logits(hidden, uploaded.tensor)));
    all.append(logits);
  }
  return all;
}

Result<Values> ModelProbe::run(const std::vector<Chunk>& chunks, ForwardObserver* observer) {
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
  std::vector<Array> memory;
  const auto to_device = [&](const std::vector<int32_t>& values,
                             const Shape& shape) -> Result<Tensor> {
    ERNIE_TRY(Array array, upload(*backend_, values, shape));
    memory.push_back(std::move(array));
    return memory.back().tensor;
  };
  const auto num_tokens = static_cast<int64_t>(ids.size());
  const auto num_seqs = static_cast<int64_t>(chunks.size());
  Batch batch;
  ERNIE_TRY(batch.token_ids, to_device(ids, {num_tokens}));
  ERNIE_TRY(batch.positions, to_device(positions, {num_tokens}));
  ERNIE_TRY(batch.slot_mapping, to_device(slots, {num_tokens}));
  AttentionBatch& attention = batch.attention;
  ERNIE_TRY(attention.query_start, to_device(query_start, {num_seqs + 1}));
  ERNIE_TRY(attention.context_lens, to_device(context_lens, {num_seqs}));
  ERNIE_TRY(attention.block_tables,
            to_device(tables, {num_seqs, static_cast<int64_t>(max_blocks)}));
  attention.max_context_len = *std::max_element(context_lens.begin(), context_lens.end());
  ERNIE_TRY(const Tensor hidden, model_->forward(batch, *cache_, observer));
  return logits_of(hidden);
}

Result<std::vector<PassTrace>> trace_sequences(ModelProbe& probe,
                                               const std::vector<PassRequest>& requests) {
  std::vector<PassTrace> traces;
  for (const PassRequest& request : requests) {
    traces.push_back({request.ids, request.positions, {}});
  }
  TapRecorder recorder(probe.backend(), probe.config().num_layers, requests, traces);
  probe.reset();
  for (size_t sequence = 0, done = 0; sequence < requests.size();) {
    std::vector<Segment> segments;
    std::vector<Chunk> chunks;
    // As many tokens as a step holds, of this sequence and of those behind it.
    for (int64_t room = probe.options().max_tokens, row = 0;
         room > 0 && sequence < requests.size();) {
      const PassRequest& request = requests[sequence];
      const size_t end = std::min(request.ids.size(), done + static_cast<size_t>(room));
      const auto from = static_cast<std::ptrdiff_t>(done), to = static_cast<std::ptrdiff_t>(end);
      chunks.push_back({sequence,
                        {request.ids.begin() + from, request.ids.begin() + to},
                        {request.positions.begin() + from, request.positions.begin() + to}});
      segments.push_back({sequence, row, to - from, from});
      row += to - from;
      room -= to - from;
      done = end;
      if (done == request.ids.size()) {
        ++sequence;
        done = 0;
      }
    }
    recorder.begin_step(std::move(segments));
    ERNIE_TRY(const Values logits, probe.run(chunks, &recorder));
    recorder.record_logits(logits);
  }
  return traces;
}

}  // namespace ernie::verify::model
