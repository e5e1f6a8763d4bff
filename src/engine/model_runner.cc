#include "engine/model_runner.h"

#include <algorithm>

namespace ernie {

Result<std::unique_ptr<ModelRunner>> ModelRunner::create(Backend& backend, Model& model,
                                                         std::unique_ptr<KvCache> cache,
                                                         const RunnerLimits& limits) {
  const int64_t block_size = cache->shape().block_size;
  const int64_t max_blocks = (limits.max_model_len + block_size - 1) / block_size;
  std::unique_ptr<ModelRunner> runner(new ModelRunner(backend, model, std::move(cache), limits));
  const std::vector<std::pair<Tensor*, int64_t>> buffers{
      {&runner->token_ids_, limits.model.max_tokens},
      {&runner->positions_, limits.model.max_tokens},
      {&runner->slot_mapping_, limits.model.max_tokens},
      {&runner->query_start_, limits.max_num_seqs + 1},
      {&runner->context_lens_, limits.max_num_seqs},
      {&runner->block_tables_, limits.max_num_seqs * max_blocks},
      {&runner->logits_rows_, limits.model.max_logit_rows}};
  int64_t total = 0;
  for (const auto& [tensor, count] : buffers) total += count;
  ERNIE_TRY(runner->device_memory_, backend.allocate(static_cast<size_t>(total) * sizeof(int32_t)));
  auto* next = static_cast<std::byte*>(runner->device_memory_.get());
  for (const auto& [tensor, count] : buffers) {
    *tensor = {next, DType::kI32, {count}};
    next += tensor->num_bytes();
  }
  return runner;
}

void ModelRunner::run(std::span<const ScheduledSequence> step, std::span<const LogitsRow> rows,
                      const LogitsConsumer& consume) {
  const Tensor hidden = model_.forward(build_batch(step), *cache_);
  std::vector<int32_t> first_row;  // of each scheduled sequence in the batch
  int32_t num_tokens = 0;
  for (const ScheduledSequence& s : step) {
    first_row.push_back(num_tokens);
    num_tokens += static_cast<int32_t>(s.num_new_tokens);
  }
  const auto group_size = static_cast<size_t>(limits_.model.max_logit_rows);
  for (size_t begin = 0; begin < rows.size(); begin += group_size) {
    const auto group = rows.subspan(begin, std::min(group_size, rows.size() - begin));
    staging_.clear();
    for (const LogitsRow& row : group) {
      const Sequence& sequence = *step[row.scheduled_index].sequence;
      const int64_t offset = row.token_index - sequence.num_computed_tokens();
      staging_.push_back(first_row[row.scheduled_index] + static_cast<int32_t>(offset));
    }
    const Tensor wanted = upload(logits_rows_, staging_, {static_cast<int64_t>(group.size())});
    const Tensor logits = model_.logits(hidden, wanted);
    raw_logits_.resize(logits.num_bytes());
    backend_.copy_out(logits, raw_logits_.data());
    const int64_t vocab_size = logits.dim(1);
    logits_.resize(static_cast<size_t>(vocab_size));
    for (size_t i = 0; i < group.size(); ++i) {
      for (int64_t j = 0; j < vocab_size; ++j) {
        logits_[static_cast<size_t>(j)] =
            load_float(logits.dtype, raw_logits_.data(), static_cast<int64_t>(i) * vocab_size + j);
      }
      consume(group[i], logits_);
    }
  }
}

Batch ModelRunner::build_batch(std::span<const ScheduledSequence> step) {
  std::vector<int32_t> token_ids, positions, slots, query_start{0}, context_lens;
  size_t max_blocks = 0;
  int64_t max_context_len = 0;
  for (const auto& [sequence, num_new_tokens] : step) {
    const int64_t begin = sequence->num_computed_tokens(), end = begin + num_new_tokens;
    for (int64_t i = begin; i < end; ++i) {
      token_ids.push_back(sequence->token_ids()[static_cast<size_t>(i)]);
      positions.push_back(static_cast<int32_t>(i));
      slots.push_back(sequence->blocks().slot(i));
    }
    query_start.push_back(static_cast<int32_t>(token_ids.size()));
    context_lens.push_back(static_cast<int32_t>(end));
    max_blocks = std::max(max_blocks, sequence->blocks().blocks().size());
    max_context_len = std::max(max_context_len, end);
  }
  std::vector<int32_t> block_tables(step.size() * max_blocks, 0);
  for (size_t s = 0; s < step.size(); ++s) {
    const std::vector<BlockId>& blocks = step[s].sequence->blocks().blocks();
    std::copy(blocks.begin(), blocks.end(),
              block_tables.begin() + static_cast<long>(s * max_blocks));
  }
  const auto num_tokens = static_cast<int64_t>(token_ids.size());
  const auto num_seqs = static_cast<int64_t>(step.size());
  return {.token_ids = upload(token_ids_, token_ids, {num_tokens}),
          .positions = upload(positions_, positions, {num_tokens}),
          .slot_mapping = upload(slot_mapping_, slots, {num_tokens}),
          .attention = {.query_start = upload(query_start_, query_start, {num_seqs + 1}),
                        .context_lens = upload(context_lens_, context_lens, {num_seqs}),
                        .block_tables = upload(block_tables_, block_tables,
                                               {num_seqs, static_cast<int64_t>(max_blocks)}),
                        .max_context_len = max_context_len}};
}

Tensor ModelRunner::upload(const Tensor& buffer, std::span<const int32_t> values,
                           const Shape& shape) {
  const Tensor target = buffer.rows(0, static_cast<int64_t>(values.size())).reshaped(shape);
  backend_.copy_in(values.data(), target);
  return target;
}

}  // namespace ernie
