#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/sequence.h"

namespace ernie {

/// Sequences with the same prompt that is not computed for all of them yet. One computes it, the
/// leader; the others are held meanwhile and then begin with its blocks.
struct PromptGroup {
  const Sequence* leader = nullptr;  ///< computes the prompt now
  std::vector<Sequence*> held;       ///< neither waiting nor running, until it has
  /// The full blocks of the prompt, when a leader has computed it and members are left.
  std::optional<BlockTable> blocks;
  std::vector<const Sequence*> members;  ///< whose prompt is not computed
  size_t hash = 0;                       ///< of the prompt
};

/// Finds the sequences that are to share a prompt. They need no prefix cache for it, and blocks
/// that a group keeps cannot be forgotten, unless drop_blocks() says so. One thread.
class PromptGroups {
 public:
  /// Before a sequence waits for the first time. Who wants prompt log-probabilities has to compute
  /// the prompt itself and joins no group.
  void join(Sequence& sequence);
  /// Its prompt is computed, or it is gone. Nothing if it is in no group. The group's held members
  /// must have been released.
  void leave(Sequence& sequence);
  /// Keeps the blocks of a sequence that has computed the prompt.
  void keep_blocks(PromptGroup& group, const Sequence& sequence);
  /// Gives up blocks that one of the groups keeps. False if none does.
  bool drop_blocks();
  /// Each as often as it is kept.
  std::vector<BlockId> kept_blocks() const;

 private:
  std::unordered_multimap<size_t, PromptGroup> groups_;
  std::vector<PromptGroup*> keeping_;  // those with blocks
};

}  // namespace ernie
