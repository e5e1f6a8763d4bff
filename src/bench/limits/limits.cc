#include "bench/limits/limits.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>

#include "base/memory_info.h"
#include "bench/limits/select.h"

namespace ernie::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kHugePageBytes = 2 * kMiB;
constexpr size_t kGlimpseBytes = 256 * kMiB;
constexpr int64_t kTasksPerThread = 8;
/// A pass of one thread takes some 15 ms at 4 GHz and two steps a cycle.
constexpr int64_t kRoundsPerTask = 1'250'000;
constexpr int64_t kGlimpseRoundsPerTask = kRoundsPerTask / 2;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::atomic<double> g_sink{0};  // what is computed must be used

double giga_per_s(double amount, double seconds) { return amount / seconds * 1e-9; }

const ProbeSet& probes() {
  static const ProbeSet kProbes = best_probes();
  return kProbes;
}

/// Operations per second of one pass, in units of 1e9.
double compute_pass(ThreadPool& threads, const ComputeProbe& probe, int64_t rounds_per_task) {
  const int64_t num_tasks = threads.num_threads() * kTasksPerThread;
  const auto start = Clock::now();
  threads.run(num_tasks, ThreadPool::kMuchWork, [&](int64_t, int) {
    g_sink.store(probe.run(rounds_per_task), std::memory_order_relaxed);
  });
  const auto steps = static_cast<double>(num_tasks * rounds_per_task * kChains);
  return giga_per_s(steps * static_cast<double>(probe.operations_per_step), seconds_since(start));
}

/// The best pass within the time, of at least one.
template <typename Pass>
double best_pass(double seconds, Pass pass) {
  const auto start = Clock::now();
  double best = 0;
  do {
    best = std::max(best, pass());
  } while (seconds_since(start) < seconds);
  return best;
}

}  // namespace

size_t last_level_cache_bytes() {
  // Not sysconf: on some processors it adds up caches that no one core can use.
  constexpr size_t kOtherwise = 32 * kMiB;
  size_t largest = 0;
  for (int index = 0;; ++index) {
    std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
    size_t size = 0;
    char unit = 0;
    if (!(file >> size)) break;
    file >> unit;
    largest = std::max(largest, size * (unit == 'M' ? kMiB : unit == 'K' ? 1024 : 1));
  }
  return largest != 0 ? largest : kOtherwise;
}

MachineLimits best_of(const MachineLimits& a, const MachineLimits& b) {
  MachineLimits best = a;
  best.one_read_gb_per_s = std::max(a.one_read_gb_per_s, b.one_read_gb_per_s);
  best.all_read_gb_per_s = std::max(a.all_read_gb_per_s, b.all_read_gb_per_s);
  for (size_t i = 0; i < std::min(best.peaks.size(), b.peaks.size()); ++i) {
    PeakRate& peak = best.peaks[i];
    peak.one_gop_per_s = std::max(peak.one_gop_per_s, b.peaks[i].one_gop_per_s);
    peak.all_gop_per_s = std::max(peak.all_gop_per_s, b.peaks[i].all_gop_per_s);
  }
  return best;
}

struct LimitProbe::Buffer {
  std::byte* data = nullptr;
  size_t num_bytes = 0;

  ~Buffer() {
    if (data != nullptr) ::munmap(data, num_bytes);
  }

  Result<void> allocate(size_t size) {
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return make_error(ErrorCode::kOutOfMemory, "bandwidth probe: cannot allocate {} bytes", size);
    }
    data = static_cast<std::byte*>(memory);
    num_bytes = size;
    ::madvise(memory, size, MADV_HUGEPAGE);  // only advice: may be refused
    std::memset(memory, 1, size);            // pages never written would all be one page of zeros
    return {};
  }
};

LimitProbe::LimitProbe(int num_threads) : buffer_(new Buffer), all_(num_threads) {}
LimitProbe::~LimitProbe() = default;

Result<std::unique_ptr<LimitProbe>> LimitProbe::create(int num_threads) {
  constexpr size_t kSmallest = 512 * kMiB, kCaches = 16;
  const size_t wanted = std::max(kSmallest, kCaches * last_level_cache_bytes());
  const auto affordable = static_cast<size_t>(available_memory_bytes() / 4);
  const size_t num_bytes = affordable == 0 ? wanted : std::min(wanted, affordable);
  std::unique_ptr<LimitProbe> probe(new LimitProbe(num_threads));
  ERNIE_TRY_VOID(probe->buffer_->allocate(
      std::max(kGlimpseBytes, num_bytes / kHugePageBytes * kHugePageBytes)));
  return probe;
}

double LimitProbe::read_pass(ThreadPool& threads, size_t begin, size_t num_bytes) {
  // Pieces are shared out as threads get free, so that one that is held up does not stop the rest.
  const auto num_tasks = static_cast<int64_t>(num_bytes / kHugePageBytes);
  const auto start = Clock::now();
  threads.run(num_tasks, ThreadPool::kMuchWork, [&](int64_t i, int) {
    const std::byte* piece = buffer_->data + begin + static_cast<size_t>(i) * kHugePageBytes;
    g_sink.store(static_cast<double>(probes().read(piece, kHugePageBytes)),
                 std::memory_order_relaxed);
  });
  return giga_per_s(static_cast<double>(num_tasks) * static_cast<double>(kHugePageBytes),
                    seconds_since(start));
}

MachineLimits LimitProbe::measure(double seconds) {
  MachineLimits limits{.num_threads = all_.num_threads(), .buffer_bytes = buffer_->num_bytes};
  const auto num_figures = static_cast<double>(2 * (1 + probes().compute.size()));
  const double share = seconds / num_figures;
  const auto read = [&](ThreadPool& threads) {
    return best_pass(share, [&] { return read_pass(threads, 0, buffer_->num_bytes); });
  };
  limits.one_read_gb_per_s = read(one_);
  limits.all_read_gb_per_s = read(all_);
  for (const ComputeProbe& probe : probes().compute) {
    const auto compute = [&](ThreadPool& threads) {
      return best_pass(share, [&] { return compute_pass(threads, probe, kRoundsPerTask); });
    };
    limits.peaks.push_back({probe.name, probe.isa, compute(one_), compute(all_)});
  }
  return limits;
}

double LimitProbe::glimpse_read_gb_per_s() {
  if (next_glimpse_ + kGlimpseBytes > buffer_->num_bytes) next_glimpse_ = 0;
  const double rate = read_pass(all_, next_glimpse_, kGlimpseBytes);
  next_glimpse_ += kGlimpseBytes;
  return rate;
}

double LimitProbe::glimpse_peak_gflop_per_s() {
  return compute_pass(all_, probes().compute.front(), kGlimpseRoundsPerTask);
}

}  // namespace ernie::bench
