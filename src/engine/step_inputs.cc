#include "engine/step_inputs.h"

#include <algorithm>
#include <array>

namespace ernie {

Result<std::unique_ptr<StepInputs>> StepInputs::create(Backend& backend, const RunnerLimits& limits,
                                                       int64_t block_size) {
  const int64_t pitch = (limits.max_model_len + block_size - 1) / block_size;
  std::unique_ptr<StepInputs> inputs(new StepInputs(backend, pitch));
  const std::array<std::pair<Array*, int64_t>, 7> arrays{
      {{&inputs->token_ids_, limits.model.max_tokens},
       {&inputs->positions_, limits.model.max_tokens},
       {&inputs->slot_mapping_, limits.model.max_tokens},
       {&inputs->query_start_, limits.max_num_seqs + 1},
       {&inputs->context_lens_, limits.max_num_seqs},
       {&inputs->logits_rows_, limits.model.max_logit_rows},
       {&inputs->block_tables_, limits.max_num_seqs * pitch}}};
  int64_t total = 0;
  for (const auto& [array, count] : arrays) total += count;
  inputs->host_.resize(static_cast<size_t>(total));
  ERNIE_TRY(inputs->device_, backend.allocate(static_cast<size_t>(total) * sizeof(int32_t)));
  int64_t begin = 0;
  for (const auto& [array, count] : arrays) {
    array->host =
        std::span(inputs->host_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count));
    array->device = {static_cast<int32_t*>(inputs->device_.get()) + begin, DType::kI32, {count}};
    begin += count;
  }
  return inputs;
}

Batch StepInputs::upload(std::span<const ScheduledSequence> step,
                         std::span<const int32_t> logits_rows) {
  int64_t num_tokens = 0, max_context_len = 0;
  query_start_.host[0] = 0;
  for (size_t s = 0; s < step.size(); ++s) {
    write_sequence(s, step[s], num_tokens);
    num_tokens += step[s].num_new_tokens;
    query_start_.host[s + 1] = static_cast<int32_t>(num_tokens);
    max_context_len = std::max<int64_t>(max_context_len, context_lens_.host[s]);
  }
  std::ranges::copy(logits_rows, logits_rows_.host.begin());
  const auto num_seqs = static_cast<int64_t>(step.size());
  const Tensor tables = block_tables_.first(num_seqs * pitch_);
  const auto* begin = static_cast<const int32_t*>(device_.get());
  const auto* end = static_cast<const int32_t*>(tables.data) + num_seqs * pitch_;
  backend_.copy_in(host_.data(), {device_.get(), DType::kI32, {end - begin}});
  return {.token_ids = token_ids_.first(num_tokens),
          .positions = positions_.first(num_tokens),
          .slot_mapping = slot_mapping_.first(num_tokens),
          .attention = {.query_start = query_start_.first(num_seqs + 1),
                        .context_lens = context_lens_.first(num_seqs),
                        .block_tables = tables.reshaped({num_seqs, pitch_}),
                        .max_context_len = max_context_len}};
}

Tensor StepInputs::upload_logits_rows(std::span<const int32_t> rows) {
  const Tensor target = logits_rows(rows.size());
  backend_.copy_in(rows.data(), target);
  return target;
}

/// Entries of the table beyond the sequence's blocks stay what they were: no kernel reads them.
void StepInputs::write_sequence(size_t index, const ScheduledSequence& scheduled,
                                int64_t first_token) {
  const Sequence& sequence = *scheduled.sequence;
  const int64_t begin = sequence.num_computed_tokens();
  for (int64_t i = 0; i < scheduled.num_new_tokens; ++i) {
    const auto at = static_cast<size_t>(first_token + i);
    token_ids_.host[at] = sequence.token_ids()[static_cast<size_t>(begin + i)];
    positions_.host[at] = static_cast<int32_t>(begin + i);
    slot_mapping_.host[at] = sequence.blocks().slot(begin + i);
  }
  context_lens_.host[index] = static_cast<int32_t>(begin + scheduled.num_new_tokens);
  std::ranges::copy(sequence.blocks().blocks(),
                    block_tables_.host.begin() + static_cast<std::ptrdiff_t>(index) * pitch_);
}

}  // namespace ernie
