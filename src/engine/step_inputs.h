#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "engine/scheduler.h"
#include "model/model.h"

namespace ernie {

struct RunnerLimits {
  int64_t max_num_seqs = 16;
  int64_t max_model_len = 0;
  ModelLimits model;
};

/// The integers of a step on the host and on the device: ids, positions, slots, block tables. Both
/// sides are one piece of memory each, so that a step is uploaded by one copy, and every array
/// begins at the same place in each step. Nothing is allocated after `create`.
class StepInputs {
 public:
  /// Error: memory. The backend must outlive it.
  static Result<std::unique_ptr<StepInputs>> create(Backend& backend, const RunnerLimits& limits,
                                                    int64_t block_size);

  /// The batch of these sequences' next tokens on the device; valid until the next call. The
  /// first rows of it whose logits are wanted, at most max_logit_rows, go with it.
  Batch upload(std::span<const ScheduledSequence> step, std::span<const int32_t> logits_rows);
  /// The wanted rows that went with the batch, [count] I32.
  Tensor logits_rows(size_t count) const { return logits_rows_.first(static_cast<int64_t>(count)); }
  /// Others in their place.
  Tensor upload_logits_rows(std::span<const int32_t> rows);

 private:
  /// An array of fixed place and capacity in both memories.
  struct Array {
    std::span<int32_t> host;
    Tensor device;
    Tensor first(int64_t count) const { return device.rows(0, count); }
  };

  StepInputs(Backend& backend, int64_t pitch) : backend_(backend), pitch_(pitch) {}
  void write_sequence(size_t index, const ScheduledSequence& scheduled, int64_t first_token);

  Backend& backend_;
  int64_t pitch_;  // blocks of the longest context
  std::vector<int32_t> host_;
  std::shared_ptr<void> device_;
  Array token_ids_, positions_, slot_mapping_;  // [max_tokens]
  Array query_start_, context_lens_;            // [max_num_seqs + 1], [max_num_seqs]
  Array logits_rows_;                           // [max_logit_rows]
  Array block_tables_;                          // [max_num_seqs * pitch], last: its end varies
};

}  // namespace ernie
