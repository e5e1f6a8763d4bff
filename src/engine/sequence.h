#pragma once

#include <cstdint>
#include <vector>

#include "engine/request.h"
#include "kv/block_table.h"

namespace ernie {

struct PromptGroup;

/// What the scheduler notes about a sequence.
struct SchedulingState {
  enum class Place { kNowhere, kWaiting, kHeld, kRunning } place = Place::kNowhere;
  uint64_t turn = 0;             ///< of one that runs: the number of its admission
  PromptGroup* group = nullptr;  ///< whom it shares its prompt with, until that is computed
  bool was_admitted = false;
};

/// A request as the scheduler sees it: tokens, and how far the model has come with them.
class Sequence {
 public:
  Sequence(RequestId id, GenerationRequest request, BlockTable blocks)
      : id_(id),
        priority_(request.priority),
        client_id_(request.client_id),
        cache_salt_(request.cache_salt),
        params_(std::move(request.params)),
        token_ids_(std::move(request.prompt_ids)),
        num_prompt_tokens_(static_cast<int64_t>(token_ids_.size())),
        blocks_(std::move(blocks)) {}

  RequestId id() const { return id_; }
  int64_t priority() const { return priority_; }
  uint64_t client_id() const { return client_id_; }
  uint64_t cache_salt() const { return cache_salt_; }
  const SamplingParams& params() const { return params_; }
  /// Prompt and output.
  const std::vector<TokenId>& token_ids() const { return token_ids_; }
  int64_t num_tokens() const { return static_cast<int64_t>(token_ids_.size()); }
  int64_t num_prompt_tokens() const { return num_prompt_tokens_; }
  int64_t num_output_tokens() const { return num_tokens() - num_prompt_tokens_; }
  /// Tokens whose keys and values are in the cache.
  int64_t num_computed_tokens() const { return num_computed_tokens_; }
  int64_t num_pending_tokens() const { return num_tokens() - num_computed_tokens_; }
  BlockTable& blocks() { return blocks_; }
  const BlockTable& blocks() const { return blocks_; }
  /// Tokens of the prompt that others had computed when it was first admitted.
  int64_t num_cached_tokens() const { return num_cached_tokens_; }
  void set_num_cached_tokens(int64_t count) { num_cached_tokens_ = count; }
  /// The scheduler's alone.
  SchedulingState& scheduling() { return scheduling_; }
  const SchedulingState& scheduling() const { return scheduling_; }

  void append(TokenId token) { token_ids_.push_back(token); }
  void mark_computed(int64_t num_new_tokens) {
    num_computed_tokens_ += num_new_tokens;
    blocks_.make_known(token_ids_, num_computed_tokens_);
  }
  /// Takes over what others have computed of the same tokens, but for the last one, whose logits
  /// are wanted. A sequence that nothing is computed of.
  void take_known_prefix() {
    if (params_.prompt_logprobs) return;  // they need the logits of the whole prompt
    num_computed_tokens_ = blocks_.take_known(token_ids_, num_tokens() - 1);
  }
  /// The same of a part of a block, which is then to be copied: see BlockTable::take_part().
  void take_known_part() {
    if (params_.prompt_logprobs) return;
    num_computed_tokens_ += blocks_.take_part(token_ids_, num_tokens() - 1);
  }
  /// The same from blocks that hold the same prompt, where no prefix cache has found them.
  void take_prompt(const BlockTable& blocks) {
    if (!blocks_.has_prefix_cache()) num_computed_tokens_ = blocks_.share(blocks, num_tokens() - 1);
  }
  /// Gives the cache up; the tokens stay and will be computed again.
  void preempt() {
    blocks_.clear();
    num_computed_tokens_ = 0;
  }

 private:
  RequestId id_;
  int64_t priority_;
  uint64_t client_id_, cache_salt_;
  SamplingParams params_;
  std::vector<TokenId> token_ids_;
  int64_t num_prompt_tokens_;
  int64_t num_computed_tokens_ = 0, num_cached_tokens_ = 0;
  BlockTable blocks_;
  SchedulingState scheduling_;
};

}  // namespace ernie
