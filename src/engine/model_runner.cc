#include "engine/model_runner.h"

#include <algorithm>

namespace ernie {
namespace {

StepShape shape_of_step(const Batch& batch, size_t num_logits_rows) {
  const int64_t num_tokens = batch.num_tokens(), num_seqs = batch.attention.num_seqs();
  return {.num_tokens = num_tokens,
          .num_seqs = num_seqs,
          .num_logits_rows = static_cast<int64_t>(num_logits_rows),
          .max_context_len = batch.attention.max_context_len,
          .is_decode = num_tokens == num_seqs};
}

}  // namespace

Result<std::unique_ptr<ModelRunner>> ModelRunner::create(Backend& backend, Model& model,
                                                         std::unique_ptr<KvCache> cache,
                                                         const RunnerLimits& limits) {
  const int64_t block_size = cache->shape().block_size;
  std::unique_ptr<ModelRunner> runner(new ModelRunner(backend, model, std::move(cache)));
  ERNIE_TRY(runner->inputs_, StepInputs::create(backend, limits, block_size));
  runner->fetched_ids_.resize(static_cast<size_t>(limits.model.max_logit_rows));
  runner->batch_rows_.reserve(static_cast<size_t>(limits.model.max_tokens));
  runner->copies_.reserve(static_cast<size_t>(limits.max_num_seqs));
  const auto vocab_size = static_cast<size_t>(model.config().vocab_size);
  const size_t num_bytes = static_cast<size_t>(limits.model.max_logit_rows) * vocab_size *
                           dtype_bytes(backend.activation_dtype());
  runner->fetched_ = std::make_unique_for_overwrite<std::byte[]>(num_bytes);
  runner->converted_.resize(vocab_size);
  return runner;
}

void ModelRunner::copy_kv(std::span<const SlotCopy> copies) {
  copies_.clear();
  for (const SlotCopy& copy : copies) copies_.push_back({copy.from, copy.to, copy.count});
  backend_.copy_kv(*cache_, copies_);
}

Result<void> ModelRunner::run(std::span<const ScheduledSequence> step,
                              std::span<const LogitsRow> rows, const RowConsumer& consume) {
  find_batch_rows(step, rows);
  const auto group_size = static_cast<size_t>(model_.limits().max_logit_rows);
  const std::span<const int32_t> first_group =
      std::span(batch_rows_).first(std::min(group_size, rows.size()));
  const Batch batch = inputs_->upload(step, first_group);
  backend_.begin_step(shape_of_step(batch, first_group.size()));
  ERNIE_TRY(const Tensor hidden, model_.forward(batch, *cache_));
  Tensor logits, greedy_ids;
  const auto compute_group = [&](const Tensor& wanted, std::span<const LogitsRow> group) {
    logits = model_.logits(hidden, wanted);
    const bool likeliest_only = std::ranges::all_of(group, &LogitsRow::likeliest_only);
    greedy_ids = likeliest_only ? model_.greedy_ids(logits) : Tensor{};
  };
  if (!rows.empty()) {
    compute_group(inputs_->logits_rows(first_group.size()), rows.first(first_group.size()));
  }
  ERNIE_TRY_VOID(backend_.end_step());
  if (rows.empty()) return backend_.synchronize();  // so that a failure is known
  ERNIE_TRY_VOID(hand_out(rows.first(first_group.size()), logits, greedy_ids, consume));
  for (size_t begin = group_size; begin < rows.size(); begin += group_size) {
    const size_t count = std::min(group_size, rows.size() - begin);
    const auto group = rows.subspan(begin, count);
    compute_group(inputs_->upload_logits_rows(std::span(batch_rows_).subspan(begin, count)), group);
    ERNIE_TRY_VOID(hand_out(group, logits, greedy_ids, consume));
  }
  return {};
}

Result<void> ModelRunner::hand_out(std::span<const LogitsRow> rows, const Tensor& logits,
                                   const Tensor& greedy_ids, const RowConsumer& consume) {
  bool needs_logits = greedy_ids.data == nullptr;
  if (!needs_logits) {
    ERNIE_TRY_VOID(backend_.copy_out(greedy_ids, fetched_ids_.data()));
    needs_logits = std::ranges::find(fetched_ids_.begin(), fetched_ids_.begin() + rows.size(),
                                     -1) != fetched_ids_.begin() + rows.size();
  }
  if (needs_logits) ERNIE_TRY_VOID(backend_.copy_out(logits, fetched_.get()));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (greedy_ids.data != nullptr && fetched_ids_[i] >= 0) {
      consume(rows[i], {.likeliest = fetched_ids_[i], .logits = {}});
    } else {
      consume(rows[i], {.likeliest = std::nullopt, .logits = fetched_row(i)});
    }
  }
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
