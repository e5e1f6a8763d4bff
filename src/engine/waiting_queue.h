#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <unordered_map>

#include "engine/sequence.h"

namespace ernie {

/// The sequences that wait, in the order in which they are to be admitted: the lowest priority
/// first; of equal ones those that had their turn before; then the clients in turn, each with its
/// oldest. So a client waits for one sequence of each other client, however many these have. A
/// decision costs O(log n). Does not own the sequences. One thread.
class WaitingQueue {
 public:
  /// A sequence that never had its turn; ids ascend in the order of arrival.
  void add(Sequence& sequence, int64_t priority);
  /// One that had: these come in the order of their turns.
  void add_again(Sequence& sequence, int64_t priority);
  /// A sequence that is in it.
  void remove(Sequence& sequence, int64_t priority);

  bool empty() const { return size_ == 0; }
  int64_t size() const { return size_; }
  /// Who comes next. Not empty.
  Sequence& front() const;
  /// Takes the front out; its client comes last again.
  void pop();

 private:
  struct Client {
    uint64_t id;
    std::map<RequestId, Sequence*> sequences;  // not empty
  };
  using Clients = std::list<Client>;
  /// The sequences of one priority.
  struct Level {
    std::map<uint64_t, Sequence*> again;  // by turn
    Clients clients;                      // the next one first
    std::unordered_map<uint64_t, Clients::iterator> client_of;
    bool empty() const { return again.empty() && clients.empty(); }
  };
  void erase(Level& level, Clients::iterator client, RequestId id);

  std::map<int64_t, Level> levels_;  // none is empty
  int64_t size_ = 0;
};

}  // namespace ernie
