#pragma once

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/scheduler.h"

namespace ernie {

/// What simulations did, to see that they reach what they are meant to test.
struct SimulationCounts {
  int64_t num_events = 0, num_steps = 0, num_tokens = 0;
  int64_t num_requests = 0, num_finished = 0, num_cancelled = 0;
  int64_t num_preemptions = 0, num_cached_tokens = 0;
  int64_t num_held = 0;    ///< steps after which somebody was held
  int64_t num_copies = 0;  ///< of parts of blocks
  int64_t num_kept = 0;    ///< steps after which a group kept blocks
  SimulationCounts& operator+=(const SimulationCounts& other);
};

/// Scheduler, prefix cache and allocator under random events, with a fake model: in place of keys
/// and values a slot holds a number that stands for its token and all before it, made of the
/// number in the slot before it. The next token follows from the last number, so whoever reads
/// another's slot gives another answer. All is decided by the seed.
///
/// After every event:
/// - a block is referred to as often as its count says, and free if by nobody;
/// - nobody else refers to a block that a sequence may write to, and who waits has no blocks;
/// - what the prefix cache knows of a block is stored in it;
/// - a step has no more tokens and sequences than allowed, and each running sequence moves;
/// - nobody begins before one of a better priority, nor of equal ones before a client of whom fewer
///   run, nor before an older one of its own client, but for those that were held until somebody
///   with their prompt was preempted;
/// - nobody is preempted while one of a worse priority goes on, nor of equal ones while a client of
///   whom more run loses none;
/// - where nobody begins or is preempted, nobody waits whose place another one has: neither does
///   one of a worse priority run, nor two more of another client;
/// - a finished answer is what the request gets alone, and that of a cancelled one begins so;
/// - without arrivals all come to their end, within as many steps as they have tokens.
class Simulation {
 public:
  explicit Simulation(uint64_t seed);

  /// So many events, then the end of all requests. Empty, or what is wrong.
  std::string run(int64_t num_events);
  const SimulationCounts& counts() const { return counts_; }

 private:
  static constexpr size_t kClients = 3, kLevels = 3;
  struct Request {
    std::unique_ptr<Sequence> sequence;
    uint64_t salt = 0;  // as a sampling seed
    TokenId stop_token = -1;
    bool ran_before = false;
    uint64_t turn_before = 0;
    bool has_ended = false;
  };

  uint64_t draw(uint64_t below) { return random_() % below; }
  int64_t draw(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(draw(static_cast<uint64_t>(most - least + 1)));
  }
  void event();
  void arrive();
  std::vector<TokenId> some_prompt();
  void cancel();
  void step();
  void compute(const ScheduledSequence& scheduled);
  void sample(Request& request);
  void drain();
  void end(size_t index);

  Request& request_of(const Sequence& sequence);
  size_t level_of(const Sequence& sequence) const;
  int& running_of(const Sequence& sequence);
  int64_t longest(const Request& request) const;
  void expect(bool holds, const char* what);
  void check_step(std::span<const ScheduledSequence> scheduled);
  void check_order();
  void check_victims();
  void check_admitted(const Sequence& sequence);
  bool has_prompt_of_victim(const Sequence& sequence) const;
  void check_shares();
  void check_blocks();
  void check_known_texts();
  void check_answer(const Request& request);

  std::mt19937_64 random_;
  int64_t block_size_, max_len_, num_blocks_;
  SchedulerLimits limits_;
  std::unique_ptr<PrefixCache> prefixes_;
  std::unique_ptr<BlockAllocator> blocks_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<Request> requests_;  // unfinished, in order of arrival
  RequestId last_id_ = 0;
  std::array<std::vector<TokenId>, 3> texts_;
  std::vector<uint64_t> slots_;
  std::vector<uint64_t> prefix_values_;  // the number at the end of each prefix
  // Of the step, as far as it is followed.
  std::array<std::array<int, kClients>, kLevels> num_running_{};
  std::vector<const Sequence*> victims_;
  std::vector<int32_t> references_;
  std::string failure_;
  SimulationCounts counts_;
};

}  // namespace ernie
