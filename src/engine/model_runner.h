#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/step_inputs.h"

namespace ernie {

/// Which logits of a step are wanted: those after one of a scheduled sequence's new tokens.
struct LogitsRow {
  size_t scheduled_index;  ///< in the step
  int64_t token_index;     ///< in the sequence; the logits predict token token_index + 1
  /// Only the likeliest token is wanted.
  bool likeliest_only = false;
};

/// What a step gave for a row: the likeliest token, found on the device, or the logits.
struct RowResult {
  std::optional<TokenId> likeliest;
  std::span<const float> logits;  ///< [vocab_size] without `likeliest`, during the call
};

/// Turns a scheduled step into a Batch on the device, runs the model, and brings logits back.
class ModelRunner {
 public:
  /// Both must outlive the runner. Error: memory.
  static Result<std::unique_ptr<ModelRunner>> create(Backend& backend, Model& model,
                                                     std::unique_ptr<KvCache> cache,
                                                     const RunnerLimits& limits);

  /// Before run(): what its step finds in the cache.
  void copy_kv(std::span<const SlotCopy> copies);

  /// Called once for each row, in order.
  using RowConsumer = std::function<void(const LogitsRow&, const RowResult&)>;

  /// Computes the step. Logits come in groups of at most max_logit_rows, so memory stays bounded
  /// however many rows are wanted; a group that wants likeliest tokens alone leaves its logits on
  /// the device. A row without a likeliest token gives its logits all the same. `rows` in ascending
  /// order of scheduled_index. Allocates nothing. Error: kDeviceLost; then some rows may not have
  /// been handed out.
  Result<void> run(std::span<const ScheduledSequence> step, std::span<const LogitsRow> rows,
                   const RowConsumer& consume);

 private:
  ModelRunner(Backend& backend, Model& model, std::unique_ptr<KvCache> cache)
      : backend_(backend), model_(model), cache_(std::move(cache)) {}

  void find_batch_rows(std::span<const ScheduledSequence> step, std::span<const LogitsRow> rows);
  Result<void> hand_out(std::span<const LogitsRow> rows, const Tensor& logits,
                        const Tensor& greedy_ids, const RowConsumer& consume);
  std::span<const float> fetched_row(size_t i);

  Backend& backend_;
  Model& model_;
  std::unique_ptr<KvCache> cache_;
  std::unique_ptr<StepInputs> inputs_;
  std::vector<KvCopy> copies_;
  std::vector<int32_t> batch_rows_;       // of the wanted logits, in the batch
  std::vector<int32_t> fetched_ids_;      // [max_logit_rows]
  std::unique_ptr<std::byte[]> fetched_;  // [max_logit_rows, vocab_size] act
  std::vector<float> converted_;          // [vocab_size], for other types than F32
};

}  // namespace ernie
