#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/scheduler.h"
#include "model/model.h"

namespace ernie {

/// Which logits of a step are wanted: those after one of a scheduled sequence's new tokens.
struct LogitsRow {
  size_t scheduled_index;  ///< in the step
  int64_t token_index;     ///< in the sequence; the logits predict token token_index + 1
};

struct RunnerLimits {
  int64_t max_num_seqs = 16;
  int64_t max_model_len = 0;
  ModelLimits model;
};

/// Turns a scheduled step into a Batch on the device, runs the model, and brings logits back.
class ModelRunner {
 public:
  /// Both must outlive the runner. Error: memory.
  static Result<std::unique_ptr<ModelRunner>> create(Backend& backend, Model& model,
                                                     std::unique_ptr<KvCache> cache,
                                                     const RunnerLimits& limits);

  /// Called once for each row, in order, with its logits [vocab_size] as float32.
  using LogitsConsumer = std::function<void(const LogitsRow&, std::span<const float> logits)>;

  /// Computes the step. Logits come in groups of at most max_logit_rows, so memory stays bounded
  /// however many rows are wanted. `rows` in ascending order of scheduled_index.
  void run(std::span<const ScheduledSequence> step, std::span<const LogitsRow> rows,
           const LogitsConsumer& consume);

 private:
  ModelRunner(Backend& backend, Model& model, std::unique_ptr<KvCache> cache,
              const RunnerLimits& limits)
      : backend_(backend), model_(model), cache_(std::move(cache)), limits_(limits) {}

  Batch build_batch(std::span<const ScheduledSequence> step);
  Tensor upload(const Tensor& buffer, std::span<const int32_t> values, const Shape& shape);

  Backend& backend_;
  Model& model_;
  std::unique_ptr<KvCache> cache_;
  RunnerLimits limits_;

  std::shared_ptr<void> device_memory_;
  Tensor token_ids_, positions_, slot_mapping_;  // [max_tokens] I32
  Tensor query_start_, context_lens_,
      block_tables_;    // [max_num_seqs + 1], […], [… * max blocks] I32
  Tensor logits_rows_;  // [max_logit_rows] I32
  std::vector<int32_t> staging_;
  std::vector<std::byte> raw_logits_;
  std::vector<float> logits_;
};

}  // namespace ernie
