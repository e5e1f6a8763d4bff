#include "engine/prompt_groups.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace ernie {
namespace {

std::span<const TokenId> prompt_of(const Sequence& sequence) {
  return std::span(sequence.token_ids()).first(static_cast<size_t>(sequence.num_prompt_tokens()));
}

size_t hash_of(std::span<const TokenId> prompt) {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(prompt.data()), prompt.size_bytes()});
}

}  // namespace

void PromptGroups::join(Sequence& sequence) {
  if (sequence.params().prompt_logprobs) return;
  const std::span<const TokenId> prompt = prompt_of(sequence);
  const size_t hash = hash_of(prompt);
  const auto [begin, end] = groups_.equal_range(hash);
  auto found = std::find_if(begin, end, [&](const auto& entry) {
    const Sequence& member = *entry.second.members.front();
    return member.cache_salt() == sequence.cache_salt() &&
           std::ranges::equal(prompt_of(member), prompt);
  });
  if (found == end) found = groups_.emplace(hash, PromptGroup{.hash = hash});
  found->second.members.push_back(&sequence);
  sequence.scheduling().group = &found->second;
}

void PromptGroups::leave(Sequence& sequence) {
  PromptGroup* group = std::exchange(sequence.scheduling().group, nullptr);
  if (group == nullptr) return;
  std::erase(group->members, &sequence);
  if (group->leader == &sequence) group->leader = nullptr;
  if (!group->members.empty()) return;
  ERNIE_CHECK(group->held.empty(), "{} sequences are held for nobody", group->held.size());
  std::erase(keeping_, group);
  const auto [begin, end] = groups_.equal_range(group->hash);
  groups_.erase(
      std::find_if(begin, end, [&](const auto& entry) { return &entry.second == group; }));
}

void PromptGroups::keep_blocks(PromptGroup& group, const Sequence& sequence) {
  if (group.blocks) return;
  group.blocks.emplace(sequence.blocks().share_full(sequence.num_prompt_tokens()));
  keeping_.push_back(&group);
}

bool PromptGroups::drop_blocks() {
  if (keeping_.empty()) return false;
  keeping_.back()->blocks.reset();
  keeping_.pop_back();
  return true;
}

std::vector<BlockId> PromptGroups::kept_blocks() const {
  std::vector<BlockId> blocks;
  for (const PromptGroup* group : keeping_) {
    blocks.insert(blocks.end(), group->blocks->blocks().begin(), group->blocks->blocks().end());
  }
  return blocks;
}

}  // namespace ernie
