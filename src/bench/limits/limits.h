#pragma once

/// What this machine can do at most, measured. Every figure is the best of several short passes: a
/// limit is what the hardware gives when nobody else uses it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"

namespace ernie::bench {

struct PeakRate {
  std::string name;          ///< "float32 fma", "bf16 dot", "int8 dot"
  std::string isa;           ///< what it was measured with: "avx2", …
  double one_gop_per_s = 0;  ///< with one thread; a multiply-add counts as two
  double all_gop_per_s = 0;  ///< with all threads
};

struct MachineLimits {
  int num_threads = 1;
  size_t buffer_bytes = 0;       ///< memory read by the bandwidth probe
  double one_read_gb_per_s = 0;  ///< with one thread; 1 GB = 1e9 bytes
  double all_read_gb_per_s = 0;
  std::vector<PeakRate> peaks;  ///< float32 fma first

  double peak_gflop_per_s() const { return peaks.front().all_gop_per_s; }
};

/// The better of two measurements of one machine, figure by figure.
MachineLimits best_of(const MachineLimits& a, const MachineLimits& b);

/// Measures limits, and glimpses of them between other work. Holds a buffer far larger than the
/// caches. One thread calls all functions.
class LimitProbe {
 public:
  /// num_threads: as many as the work that is to be compared. Error: no memory for the buffer.
  static Result<std::unique_ptr<LimitProbe>> create(int num_threads);
  ~LimitProbe();

  /// Takes about `seconds`, at least a pass of each figure.
  MachineLimits measure(double seconds);

  /// One pass with all threads, about ten milliseconds: how fast the machine is just now.
  double glimpse_read_gb_per_s();
  double glimpse_peak_gflop_per_s();

 private:
  explicit LimitProbe(int num_threads);
  double read_pass(ThreadPool& threads, size_t begin, size_t num_bytes);

  struct Buffer;
  std::unique_ptr<Buffer> buffer_;
  ThreadPool all_, one_{1};
  size_t next_glimpse_ = 0;
};

/// Bytes of the last-level cache that one core sees; a common figure if the system does not tell.
size_t last_level_cache_bytes();

}  // namespace ernie::bench
