#include "engine/model_runner.h"

#include <algorithm>

namespace ernie {

Result<std::unique_ptr<ModelRunner>> ModelRunner::create(Backend& backend, Model& model,
                                                         std::unique_ptr<KvCache> cache,
                                                         const RunnerLimits& limits) {
  const int64_t block_size = cache->shape().block_size;
  std::unique_ptr<ModelRunner> runner(new ModelRunner(backend, model, std::move(cache)));
  ERNIE_TRY(runner->inputs_, StepInputs::create(backend, limits, block_size));
  runner->batch_rows_.reserve(static_cast<size_t>(limits.model.max_tokens));
  const auto vocab_size = static_cast<size_t>(model.config().vocab_size);
  const size_t num_bytes = static_cast<size_t>(limits.model.max_logit_rows) * vocab_size *
                           dtype_bytes(backend.activation_dtype());
  runner->fetched_ = std::make_unique_for_overwrite<std::byte[]>(num_bytes);
  runner->converted_.resize(vocab_size);
  return runner;
}

Result<void> ModelRunner::run(std::span<const ScheduledSequence> step,
                              std::span<const LogitsRow> rows, const LogitsConsumer& consume) {
  find_batch_rows(step, rows);
  const auto group_size = static_cast<size_t>(model_.limits().max_logit_rows);
  const auto group_at = [&](size_t begin) {
    return std::span(batch_rows_).subspan(begin, std::min(group_size, rows.size() - begin));
  };
  const Batch batch = inputs_->upload(step, group_at(0));
  ERNIE_TRY(const Tensor hidden, model_.forward(batch, *cache_));
  for (size_t begin = 0; begin < rows.size(); begin += group_size) {
    const std::span<const int32_t> group = group_at(begin);
    const Tensor wanted = begin == 0 ? inputs_->logits_rows(group.size())
                                     : inputs_->upload_logits_rows(group);
    ERNIE_TRY_VOID(backend_.copy_out(model_.logits(hidden, wanted), fetched_.get()));
    for (size_t i = 0; i < group.size(); ++i) consume(rows[begin + i], fetched_row(i));
  }
  // A step that asks for no logits still has to be known to have worked.
  if (rows.empty()) ERNIE_TRY_VOID(backend_.synchronize());
  return {};
}

void ModelRunner::find_batch_rows(std::span<const ScheduledSequence> step,
                                  std::span<const LogitsRow> rows) {
  batch_rows_.clear();
  size_t s = 0;
  int64_t first_row = 0;  // of sequence s in the batch
  for (const LogitsRow& row : rows) {
    for (; s < row.scheduled_index; ++s) first_row += step[s].num_new_tokens;
    const int64_t offset = row.token_index - step[s].sequence->num_computed_tokens();
    batch_rows_.push_back(static_cast<int32_t>(first_row + offset));
  }
}

std::span<const float> ModelRunner::fetched_row(size_t i) {
  const size_t vocab_size = converted_.size();
  const DType act = backend_.activation_dtype();
  if (act == DType::kF32) {
    return {reinterpret_cast<const float*>(fetched_.get()) + i * vocab_size, vocab_size};
  }
  for (size_t j = 0; j < vocab_size; ++j) {
    converted_[j] = load_float(act, fetched_.get(), static_cast<int64_t>(i * vocab_size + j));
  }
  return converted_;
}

}  // namespace ernie
