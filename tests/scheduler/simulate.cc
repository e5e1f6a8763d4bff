// scheduler_simulation: seeds of the simulation, or the cost of a step.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "simulation.h"

namespace ernie {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

volatile std::sig_atomic_t g_seed_low = 0, g_seed_high = 0;

/// A failed check in the scheduler itself aborts: says where.
void tell_seed(int) {
  const auto seed = (static_cast<uint64_t>(static_cast<uint32_t>(g_seed_high)) << 32) |
                    static_cast<uint32_t>(g_seed_low);
  fmt::print(stderr, "aborted in seed {}\n", seed);
  std::_Exit(3);
}

int simulate(uint64_t first_seed, uint64_t num_seeds, int64_t num_events) {
  std::signal(SIGABRT, tell_seed);
  SimulationCounts counts;
  const auto begin = Clock::now();
  for (uint64_t seed = first_seed; seed < first_seed + num_seeds; ++seed) {
    g_seed_low = static_cast<int>(seed);
    g_seed_high = static_cast<int>(seed >> 32);
    Simulation simulation(seed);
    if (const std::string failure = simulation.run(num_events); !failure.empty()) {
      fmt::print(stderr, "seed {}: {}\n", seed, failure);
      return 1;
    }
    counts += simulation.counts();
  }
  fmt::print(
      "{{\"seeds\": {}, \"events\": {}, \"steps\": {}, \"tokens\": {}, \"requests\": {}, "
      "\"finished\": {}, \"cancelled\": {}, \"preemptions\": {}, \"cached_tokens\": {}, "
      "\"steps_with_held\": {}, \"steps_with_kept\": {}, \"copies\": {}, \"seconds\": {:.2f}}}\n",
      num_seeds, counts.num_events, counts.num_steps, counts.num_tokens, counts.num_requests,
      counts.num_finished, counts.num_cancelled, counts.num_preemptions, counts.num_cached_tokens,
      counts.num_held, counts.num_kept, counts.num_copies, seconds_since(begin));
  return 0;
}

/// Microseconds of schedule() and of noting what was computed, by step, with so many decodes.
int measure(int64_t num_seqs, int64_t num_waiting) {
  constexpr int64_t kBlockSize = 16, kPromptLen = 256, kSteps = 2000;
  const int64_t blocks_per_seq = (kPromptLen + kSteps) / kBlockSize + 2;
  PrefixCache prefixes(num_seqs * blocks_per_seq, kBlockSize);
  BlockAllocator blocks(num_seqs * blocks_per_seq, &prefixes);
  Scheduler scheduler({.max_num_seqs = num_seqs, .max_num_batched_tokens = 16 * num_seqs});
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (int64_t i = 0; i < num_seqs + num_waiting; ++i) {
    GenerationRequest request{.prompt_ids = std::vector<TokenId>(kPromptLen), .params = {}};
    for (int64_t t = 0; t < kPromptLen; ++t) {
      request.prompt_ids[static_cast<size_t>(t)] = static_cast<TokenId>((i + 1) * 1000 + t);
    }
    request.client_id = static_cast<uint64_t>(i % 7);
    sequences.push_back(std::make_unique<Sequence>(
        static_cast<RequestId>(i + 1), std::move(request), BlockTable(blocks, kBlockSize)));
    scheduler.add(*sequences.back());
  }
  const auto step = [&] {
    const auto scheduled = scheduler.schedule();
    for (const ScheduledSequence& s : scheduled) {
      if (s.num_new_tokens == s.sequence->num_pending_tokens()) s.sequence->append(7);
    }
    for (const ScheduledSequence& s : scheduled) scheduler.mark_computed(s);
    return std::ssize(scheduled);
  };
  for (int i = 0; i < 50; ++i) step();
  const auto begin = Clock::now();
  for (int64_t i = 0; i < kSteps / 2; ++i) {
    if (step() != num_seqs) return 1;
  }
  fmt::print("{} running, {} waiting: {:.2f} us a step\n", num_seqs, num_waiting,
             seconds_since(begin) * 1e6 / (kSteps / 2));
  return 0;
}

int run(int argc, char** argv) {
  uint64_t first_seed = 0, num_seeds = 1000;
  int64_t num_events = 200;
  bool measures = false;
  CLI::App app("Simulates the scheduler under random events");
  app.add_option("--first-seed", first_seed, "The first seed");
  app.add_option("--seeds", num_seeds, "Number of seeds");
  app.add_option("--events", num_events, "Events of a seed");
  app.add_flag("--benchmark", measures, "Measure the cost of a step instead");
  CLI11_PARSE(app, argc, argv);
  if (!measures) return simulate(first_seed, num_seeds, num_events);
  for (const int64_t num_seqs : {1, 16, 256}) {
    for (const int64_t num_waiting : {0, 1000}) {
      if (const int rc = measure(num_seqs, num_waiting); rc != 0) return rc;
    }
  }
  return 0;
}

}  // namespace
}  // namespace ernie

int main(int argc, char** argv) { return ernie::run(argc, argv); }
