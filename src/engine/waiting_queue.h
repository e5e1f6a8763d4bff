#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>

#include "engine/sequence.h"

namespace ernie {

/// The sequences that wait, in the order in which they are to be admitted: the lowest priority
/// first; of equal ones the client of whom the fewest run, of such clients the one that has waited
/// for its turn the longest, each with its oldest. So what a client gets does not depend on how
/// much another asks for. A decision costs O(log n). Does not own the sequences. One thread.
class WaitingQueue {
 public:
  /// Ids ascend in the order of arrival.
  void add(Sequence& sequence, int64_t priority);
  /// A sequence that is in it.
  void remove(Sequence& sequence, int64_t priority);

  bool empty() const { return size_ == 0; }
  int64_t size() const { return size_; }
  /// Who comes next. Not empty.
  Sequence& front() const;
  /// Takes the front out; among clients of whom as many run, its own comes last again.
  void pop();

  /// A sequence that is not in the queue begins to run, or no longer does.
  void note_start(const Sequence& sequence, int64_t priority);
  void note_stop(const Sequence& sequence, int64_t priority);
  /// How many run of this priority: of a client, and the most of any client.
  int64_t num_running(uint64_t client_id, int64_t priority) const;
  int64_t most_running(int64_t priority) const;

 private:
  struct Client {
    int64_t num_running = 0;
    uint64_t turn = 0;  // the lower, the earlier
    std::map<RequestId, Sequence*> waiting;
  };
  /// The sequences of one priority.
  struct Level {
    std::unordered_map<uint64_t, Client> clients;  // with sequences that wait or run
    /// Those with sequences that wait: how many run, turn, id.
    std::set<std::tuple<int64_t, uint64_t, uint64_t>> order;
    std::map<int64_t, int64_t> num_clients;  // by how many run, if any
  };
  using Levels = std::map<int64_t, Level>;

  Client& client_of(Level& level, uint64_t id);
  void change_running(const Sequence& sequence, int64_t priority, int64_t difference);
  void forget_if_idle(Level& level, uint64_t id);

  Levels levels_;             // none is empty
  std::set<int64_t> queued_;  // those in which somebody waits
  uint64_t last_turn_ = 0;
  int64_t size_ = 0;
};

}  // namespace ernie
