#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "base/memory_info.h"
#include "engine/kv_plan.h"
#include "engine/logprobs.h"
#include "engine/model_runner.h"
#include "engine/output_processor.h"
#include "engine/sampler.h"
#include "text/end_ids.h"

namespace ernie {
namespace {

bool has_bit(const std::vector<uint64_t>& bits, TokenId token) {
  return (bits[static_cast<size_t>(token) / 64] >> token % 64 & 1) != 0;
}

/// A token outside the vocabulary has no bit.
void set_bit(std::vector<uint64_t>& bits, TokenId token, bool value) {
  if (token < 0 || static_cast<size_t>(token) / 64 >= bits.size()) return;
  uint64_t& word = bits[static_cast<size_t>(token) / 64];
  const uint64_t bit = uint64_t{1} << token % 64;
  word = value ? word | bit : word & ~bit;
}

/// Everything that belongs to one request.
struct RequestState {
  decltype(GenerationRequest::on_token) on_token;
  std::shared_ptr<TokenConstraint> constraint;  // may be null
  Sequence sequence;
  OutputProcessor output;
  PenaltyState penalties;
  int64_t num_prompt_logprobs = 0;  // already delivered
  bool aborted = false;
  size_t output_index = kNoOutput;  // among the outputs of the step

  static constexpr size_t kNoOutput = SIZE_MAX;

  RequestState(RequestId id, GenerationRequest request, BlockTable blocks,
               const std::shared_ptr<const Tokenizer>& tokenizer,
               const std::vector<TokenId>& end_ids, int64_t max_model_len)
      : on_token(std::move(request.on_token)),
        constraint(std::move(request.constraint)),
        sequence(id, std::move(request), std::move(blocks)),
        output(sequence, tokenizer, end_ids, max_model_len),
        penalties(uses_penalties(sequence.params()) ? PenaltyState(sequence.token_ids())
                                                    : PenaltyState()) {}
  RequestState(const RequestState&) = delete;
};

class EngineImpl final : public Engine {
 public:
  EngineImpl(std::unique_ptr<Backend> backend, const ModelConfig& config,
             std::shared_ptr<const Tokenizer> tokenizer, const EngineOptions& options)
      : options_(options),
        config_(config),
        backend_(std::move(backend)),
        tokenizer_(std::move(tokenizer)) {}

  Result<void> start(const WeightSource& weights, const LoadProgress& progress);

  const ModelConfig& config() const override { return config_; }
  const EngineOptions& options() const override { return options_; }
  const Backend& backend() const override { return *backend_; }
  EngineLimits limits() const override {
    return {config().vocab_size, options_.max_model_len, tokenizer_ != nullptr};
  }
  EngineCounters counters() const override {
    const SchedulerCounters& scheduler = scheduler_->counters();
    return {.num_steps = num_steps_,
            .num_computed_tokens = num_computed_tokens_,
            .num_cached_tokens = scheduler.num_cached_tokens,
            .num_preemptions = scheduler.num_preemptions,
            .num_running = scheduler_->num_running(),
            .num_waiting = scheduler_->num_waiting(),
            .num_blocks = blocks_->num_blocks(),
            .num_used_blocks = blocks_->num_blocks() - blocks_->num_free(),
            .num_prefix_queries = scheduler.num_prefix_queries,
            .num_prefix_hits = scheduler.num_prefix_hits,
            .forward_s = forward_s_};
  }
  Result<RequestId> add_request(GenerationRequest request) override;
  void abort(RequestId request_id) override;
  bool has_unfinished() const override { return !requests_.empty(); }
  std::vector<RequestOutput> step() override;
  Result<void> health() const override { return health_; }

 private:
  RequestOutput& output_of(RequestState& state);
  static bool takes_the_likeliest(const RequestState& state);
  void find_wanted_rows(std::span<const ScheduledSequence> step);
  void take_row(RequestState& state, int64_t token_index, const RowResult& result,
                RequestOutput& output);
  void append(RequestState& state, TokenId token, RequestOutput& output);
  void take_prompt_logits(RequestState& state, int64_t token_index, std::span<const float> logits,
                          RequestOutput& output);
  void sample(RequestState& state, std::span<const float> logits, RequestOutput& output);
  bool find_allowed(RequestState& state, RequestOutput& output);
  void end_aborted();
  void note_computed(std::span<const ScheduledSequence> step);
  void fail_all(const Error& error);
  std::vector<RequestOutput> collect();

  EngineOptions options_;
  const ModelConfig config_;
  std::unique_ptr<Backend> backend_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<TokenId> end_ids_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<ModelRunner> runner_;
  std::unique_ptr<PrefixCache> prefixes_;
  std::unique_ptr<BlockAllocator> blocks_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unordered_map<RequestId, std::unique_ptr<RequestState>> requests_;
  std::vector<RequestState*> aborted_;  // since the last step
  RequestId next_id_ = 1;
  int64_t num_steps_ = 0, num_computed_tokens_ = 0;
  Sampler sampler_;
  // Of the request that is sampled, if it is constrained:
  std::vector<uint64_t> constrained_,
      allowed_;  // what its constraint allows, without and with ends
  bool forbid_end_ = false;
  double forward_s_ = 0;
  Result<void> health_;

  // Of the step that is under way.
  std::vector<RequestState*> states_;  // of the scheduled sequences
  std::vector<LogitsRow> rows_;        // that are wanted
  std::vector<RequestOutput> outputs_;
};

Result<void> EngineImpl::start(const WeightSource& weights, const LoadProgress& progress) {
  RunnerLimits limits{.max_num_seqs = options_.max_num_seqs,
                      .model = {.max_tokens = options_.max_num_batched_tokens}};
  // Options are checked before the weights are read: reading can take minutes.
  EngineOptions probe = options_;
  ERNIE_TRY_VOID(
      plan_kv_cache(config_, shape_of(config_, {}), *backend_, available_memory_bytes(), probe));
  ERNIE_TRY(model_, Model::load(weights, *backend_, limits.model, progress));
  // Half of what is left: the rest is for the page cache and for others.
  ERNIE_TRY(const KvCacheShape shape, plan_kv_cache(config_, model_->shape(), *backend_,
                                                    available_memory_bytes() / 2, options_));
  limits.max_model_len = options_.max_model_len;
  ERNIE_TRY(std::unique_ptr<KvCache> cache, backend_->allocate_kv_cache(shape));
  ERNIE_TRY(runner_, ModelRunner::create(*backend_, *model_, std::move(cache), limits));
  if (options_.enable_prefix_caching) {
    prefixes_ = std::make_unique<PrefixCache>(shape.num_blocks, shape.block_size);
  }
  blocks_ = std::make_unique<BlockAllocator>(shape.num_blocks, prefixes_.get());
  scheduler_ = std::make_unique<Scheduler>(
      SchedulerLimits{.max_num_seqs = options_.max_num_seqs,
                      .max_num_batched_tokens = options_.max_num_batched_tokens,
                      .policy = options_.scheduling_policy});
  end_ids_ = config_.eos_token_ids;
  if (tokenizer_ != nullptr) {
    const std::vector<TokenId> ends = text_end_ids(*tokenizer_);
    end_ids_.insert(end_ids_.end(), ends.begin(), ends.end());
  }
  return {};
}

Result<RequestId> EngineImpl::add_request(GenerationRequest request) {
  ERNIE_TRY_VOID(health_);
  ERNIE_TRY_VOID(check_request(request, limits()));
  const RequestId id = next_id_++;
  BlockTable blocks(*blocks_, options_.block_size, PrefixCache::beginning(request.cache_salt));
  auto state = std::make_unique<RequestState>(id, std::move(request), std::move(blocks), tokenizer_,
                                              end_ids_, options_.max_model_len);
  scheduler_->add(state->sequence);
  requests_.emplace(id, std::move(state));
  return id;
}

void EngineImpl::abort(RequestId request_id) {
  const auto it = requests_.find(request_id);
  if (it == requests_.end() || std::exchange(it->second->aborted, true)) return;
  aborted_.push_back(it->second.get());
}

std::vector<RequestOutput> EngineImpl::step() {
  end_aborted();
  const std::span<const ScheduledSequence> scheduled = scheduler_->schedule();
  if (scheduled.empty()) return collect();
  find_wanted_rows(scheduled);
  runner_->copy_kv(scheduler_->copies());
  const auto began = std::chrono::steady_clock::now();
  const Result<void> ran =
      runner_->run(scheduled, rows_, [&](const LogitsRow& row, const RowResult& result) {
        RequestState& state = *states_[row.scheduled_index];
        take_row(state, row.token_index, result, output_of(state));
      });
  forward_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (ran) {
    ++num_steps_;
    note_computed(scheduled);
  } else {
    fail_all(ran.error());
  }
  return collect();
}

/// A token sampled just now is pending; what was scheduled is computed.
void EngineImpl::note_computed(std::span<const ScheduledSequence> step) {
  for (size_t i = 0; i < step.size(); ++i) {
    const Sequence& sequence = *step[i].sequence;
    num_computed_tokens_ += step[i].num_new_tokens;
    scheduler_->mark_computed(step[i]);
    if (sequence.params().max_tokens > 0) continue;
    if (sequence.num_computed_tokens() < sequence.num_prompt_tokens()) continue;
    states_[i]->output.finish(FinishReason::kLength, output_of(*states_[i]));
  }
}

/// Valid until the next one.
RequestOutput& EngineImpl::output_of(RequestState& state) {
  if (state.output_index == RequestState::kNoOutput) {
    state.output_index = outputs_.size();
    outputs_.emplace_back().request_id = state.sequence.id();
  }
  return outputs_[state.output_index];
}

/// Whether the next token is the likeliest and nobody asks for more about its logits.
bool EngineImpl::takes_the_likeliest(const RequestState& state) {
  const SamplingParams& params = state.sequence.params();
  const bool is_greedy = params.temperature == 0 || params.top_k == 1;
  const bool forbids = state.output.forbids_end() && !state.output.stopping_ids().empty();
  return is_greedy && !forbids && !params.logprobs && params.logit_bias.empty() &&
         !uses_penalties(params) && !state.on_token && state.constraint == nullptr;
}

/// Rows whose logits are needed: behind each prompt token not yet reported, if prompt
/// log-probabilities are asked for, and behind the last token of a sequence that is then complete.
void EngineImpl::find_wanted_rows(std::span<const ScheduledSequence> step) {
  states_.clear();
  rows_.clear();
  for (size_t i = 0; i < step.size(); ++i) {
    RequestState& state = *states_.emplace_back(requests_.at(step[i].sequence->id()).get());
    const Sequence& sequence = state.sequence;
    state.output.mark_scheduled();
    const int64_t begin = sequence.num_computed_tokens(), end = begin + step[i].num_new_tokens;
    if (sequence.params().prompt_logprobs) {
      const int64_t last = std::min(end, sequence.num_prompt_tokens() - 1);
      for (int64_t t = std::max(begin, state.num_prompt_logprobs); t < last; ++t)
        rows_.push_back({i, t});
    }
    if (end == sequence.num_tokens() && sequence.params().max_tokens > 0)
      rows_.push_back({i, end - 1, takes_the_likeliest(state)});
  }
}

void EngineImpl::take_row(RequestState& state, int64_t token_index, const RowResult& result,
                          RequestOutput& output) {
  if (output.finish_reason) return;  // an earlier row of this step was not usable
  if (token_index + 1 < state.sequence.num_tokens()) {
    take_prompt_logits(state, token_index, result.logits, output);
  } else if (result.likeliest) {
    append(state, *result.likeliest, output);
  } else {
    sample(state, result.logits, output);
  }
}

void EngineImpl::take_prompt_logits(RequestState& state, int64_t token_index,
                                    std::span<const float> logits, RequestOutput& output) {
  const TokenId next = state.sequence.token_ids()[static_cast<size_t>(token_index + 1)];
  Result<TokenLogprob> logprob =
      compute_logprob(logits, next, *state.sequence.params().prompt_logprobs);
  if (!logprob) {
    output.error = logprob.error().message;
    return state.output.finish(FinishReason::kError, output);
  }
  output.prompt_logprobs.push_back(*std::move(logprob));
  state.num_prompt_logprobs = token_index + 1;
}

/// Asks the constraint of a request what may come next. False if that is nothing: then the request
/// has ended.
bool EngineImpl::find_allowed(RequestState& state, RequestOutput& output) {
  const auto vocab_size = static_cast<size_t>(config().vocab_size);
  constrained_.assign((vocab_size + 63) / 64, ~uint64_t{0});
  if (vocab_size % 64 != 0) constrained_.back() = (uint64_t{1} << vocab_size % 64) - 1;
  state.constraint->restrict_to_allowed(constrained_);
  const bool can_end = state.constraint->can_end();
  const auto any = [](const std::vector<uint64_t>& bits) {
    return std::any_of(bits.begin(), bits.end(), [](uint64_t word) { return word != 0; });
  };
  allowed_ = constrained_;
  for (const TokenId id : state.output.stopping_ids()) set_bit(allowed_, id, false);
  const bool has_others = any(allowed_);
  // Where nothing but an end can follow, min_tokens cannot be kept.
  forbid_end_ = state.output.forbids_end() && has_others;
  allowed_ = constrained_;
  if (can_end && !(state.output.forbids_end() && !has_others)) {
    for (const TokenId id : state.output.stopping_ids()) set_bit(allowed_, id, true);
  }
  if (any(allowed_)) return true;
  if (!can_end) output.error = "constraint: no token can follow, and the output is not complete";
  state.output.finish(can_end ? FinishReason::kStop : FinishReason::kError, output);
  return false;
}

void EngineImpl::sample(RequestState& state, std::span<const float> logits, RequestOutput& output) {
  if (state.constraint != nullptr && !find_allowed(state, output)) return;
  Sequence& sequence = state.sequence;
  const SamplingParams& params = sequence.params();
  const auto fail = [&](const Error& error) {
    output.error = error.message;
    state.output.finish(FinishReason::kError, output);
  };
  const Result<int32_t> token =
      sampler_.sample({.logits = logits,
                       .params = &params,
                       .history = &state.penalties,
                       .draw_index = static_cast<uint64_t>(sequence.num_tokens()),
                       .forbid_end = state.constraint ? forbid_end_ : state.output.forbids_end(),
                       .end_ids = state.output.stopping_ids(),
                       .allowed = state.constraint ? std::span<const uint64_t>(allowed_)
                                                   : std::span<const uint64_t>()});
  if (!token) return fail(token.error());
  // An end token is not the constraint's business, unless it also is a part of the output.
  if (state.constraint && has_bit(constrained_, *token) && !state.constraint->accept(*token)) {
    return fail(make_error(ErrorCode::kInternal, "constraint: refused token {} that it had allowed",
                           *token));
  }
  if (params.logprobs) {
    Result<TokenLogprob> logprob = compute_logprob(logits, *token, *params.logprobs);
    if (!logprob) return fail(logprob.error());
    output.logprobs.push_back(*std::move(logprob));
  }
  if (state.on_token) state.on_token(*token, logits);
  append(state, *token, output);
}

void EngineImpl::append(RequestState& state, TokenId token, RequestOutput& output) {
  state.sequence.append(token);
  if (uses_penalties(state.sequence.params())) state.penalties.add_output(token);
  output.token_ids.push_back(token);
  state.output.push(token, output);
}

void EngineImpl::end_aborted() {
  for (RequestState* state : aborted_) {
    state->output.finish(FinishReason::kAbort, output_of(*state));
    scheduler_->remove(state->sequence);
  }
  aborted_.clear();
}

void EngineImpl::fail_all(const Error& error) {
  health_ = error;
  for (auto& [id, state] : requests_) {
    RequestOutput& output = output_of(*state);
    if (output.finish_reason) continue;  // it ended in this very step
    output.error = error.message;
    state->output.finish(FinishReason::kError, output);
  }
}

/// The outputs in ascending order of their requests; those that have ended leave.
std::vector<RequestOutput> EngineImpl::collect() {
  for (const RequestOutput& output : outputs_) {
    const auto request = requests_.find(output.request_id);
    request->second->output_index = RequestState::kNoOutput;
    if (!output.finish_reason) continue;
    scheduler_->remove(request->second->sequence);
    requests_.erase(request);
  }
  if (!std::ranges::is_sorted(outputs_, {}, &RequestOutput::request_id)) {
    std::ranges::sort(outputs_, {}, &RequestOutput::request_id);
  }
  return std::exchange(outputs_, {});
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(std::unique_ptr<Backend> backend,
                                               const WeightSource& weights,
                                               std::shared_ptr<const Tokenizer> tokenizer,
                                               const EngineOptions& options,
                                               const LoadProgress& progress) {
  auto engine = std::make_unique<EngineImpl>(std::move(backend), weights.config(),
                                             std::move(tokenizer), options);
  ERNIE_TRY_VOID(engine->start(weights, progress));
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace ernie
