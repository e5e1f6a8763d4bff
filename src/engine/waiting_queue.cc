#include "engine/waiting_queue.h"

#include <tuple>

#include "base/check.h"

namespace ernie {

void WaitingQueue::add(Sequence& sequence, int64_t priority) {
  Level& level = levels_[priority];
  const uint64_t id = sequence.client_id();
  Client& client = client_of(level, id);
  if (client.waiting.empty()) level.order.emplace(client.num_running, client.turn, id);
  client.waiting.emplace(sequence.id(), &sequence);
  queued_.insert(priority);
  ++size_;
}

void WaitingQueue::remove(Sequence& sequence, int64_t priority) {
  const auto found = levels_.find(priority);
  ERNIE_CHECK(found != levels_.end(), "sequence {} does not wait", sequence.id());
  Level& level = found->second;
  Client& client = level.clients.at(sequence.client_id());
  client.waiting.erase(sequence.id());
  --size_;
  if (client.waiting.empty()) {
    level.order.erase({client.num_running, client.turn, sequence.client_id()});
    if (level.order.empty()) queued_.erase(priority);
    forget_if_idle(level, sequence.client_id());
  }
  if (level.clients.empty()) levels_.erase(found);
}

Sequence& WaitingQueue::front() const {
  ERNIE_CHECK(!empty(), "nobody waits");
  const Level& level = levels_.at(*queued_.begin());
  const uint64_t id = std::get<2>(*level.order.begin());
  return *level.clients.at(id).waiting.begin()->second;
}

void WaitingQueue::pop() {
  Sequence& sequence = front();
  const int64_t priority = *queued_.begin();
  Level& level = levels_.at(priority);
  const uint64_t id = sequence.client_id();
  Client& client = level.clients.at(id);
  auto node = level.order.extract(level.order.begin());
  client.turn = ++last_turn_;
  node.value() = {client.num_running, client.turn, id};
  level.order.insert(std::move(node));
  remove(sequence, priority);
}

void WaitingQueue::note_start(const Sequence& sequence, int64_t priority) {
  change_running(sequence, priority, 1);
}

void WaitingQueue::note_stop(const Sequence& sequence, int64_t priority) {
  change_running(sequence, priority, -1);
}

int64_t WaitingQueue::num_running(uint64_t client_id, int64_t priority) const {
  const auto level = levels_.find(priority);
  if (level == levels_.end()) return 0;
  const auto client = level->second.clients.find(client_id);
  return client == level->second.clients.end() ? 0 : client->second.num_running;
}

int64_t WaitingQueue::most_running(int64_t priority) const {
  const auto level = levels_.find(priority);
  if (level == levels_.end() || level->second.num_clients.empty()) return 0;
  return level->second.num_clients.rbegin()->first;
}

WaitingQueue::Client& WaitingQueue::client_of(Level& level, uint64_t id) {
  const auto [found, is_new] = level.clients.try_emplace(id);
  if (is_new) found->second.turn = ++last_turn_;
  return found->second;
}

void WaitingQueue::change_running(const Sequence& sequence, int64_t priority, int64_t difference) {
  Level& level = levels_[priority];
  const uint64_t id = sequence.client_id();
  Client& client = client_of(level, id);
  const int64_t before = client.num_running, after = before + difference;
  client.num_running = after;
  if (before > 0 && --level.num_clients.at(before) == 0) level.num_clients.erase(before);
  if (after > 0) ++level.num_clients[after];
  if (!client.waiting.empty()) {
    auto node = level.order.extract({before, client.turn, id});
    node.value() = {after, client.turn, id};
    level.order.insert(std::move(node));
  }
  forget_if_idle(level, id);
  if (level.clients.empty()) levels_.erase(priority);
}

void WaitingQueue::forget_if_idle(Level& level, uint64_t id) {
  const auto found = level.clients.find(id);
  if (found->second.waiting.empty() && found->second.num_running == 0) level.clients.erase(found);
}

}  // namespace ernie
