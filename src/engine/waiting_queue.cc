#include "engine/waiting_queue.h"

#include "base/check.h"

namespace ernie {

void WaitingQueue::add(Sequence& sequence, int64_t priority) {
  Level& level = levels_[priority];
  const auto [found, is_new] = level.client_of.try_emplace(sequence.client_id());
  if (is_new) {
    found->second = level.clients.insert(level.clients.end(), {sequence.client_id(), {}});
  }
  auto& sequences = found->second->sequences;
  sequences.emplace_hint(sequences.end(), sequence.id(), &sequence);
  ++size_;
}

void WaitingQueue::add_again(Sequence& sequence, int64_t priority) {
  levels_[priority].again.emplace(sequence.scheduling().turn, &sequence);
  ++size_;
}

void WaitingQueue::remove(Sequence& sequence, int64_t priority) {
  const auto found = levels_.find(priority);
  ERNIE_CHECK(found != levels_.end(), "sequence {} does not wait", sequence.id());
  Level& level = found->second;
  if (sequence.scheduling().turn == 0) {
    erase(level, level.client_of.at(sequence.client_id()), sequence.id());
  } else {
    level.again.erase(sequence.scheduling().turn);
  }
  --size_;
  if (level.empty()) levels_.erase(found);
}

Sequence& WaitingQueue::front() const {
  ERNIE_CHECK(!empty(), "nobody waits");
  const Level& level = levels_.begin()->second;
  if (!level.again.empty()) return *level.again.begin()->second;
  return *level.clients.front().sequences.begin()->second;
}

void WaitingQueue::pop() {
  Level& level = levels_.begin()->second;
  if (!level.again.empty()) {
    level.again.erase(level.again.begin());
  } else {
    const auto client = level.clients.begin();
    level.clients.splice(level.clients.end(), level.clients, client);
    erase(level, client, client->sequences.begin()->first);
  }
  --size_;
  if (level.empty()) levels_.erase(levels_.begin());
}

void WaitingQueue::erase(Level& level, Clients::iterator client, RequestId id) {
  client->sequences.erase(id);
  if (!client->sequences.empty()) return;
  level.client_of.erase(client->id);
  level.clients.erase(client);
}

}  // namespace ernie
