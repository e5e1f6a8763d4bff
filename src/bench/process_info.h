#pragma once

/// What the system tells of this process and of the energy that the processor uses. Any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ernie::bench {

struct ProcessMemory {
  uint64_t rss_bytes = 0;  ///< resident now
  uint64_t peak_rss_bytes = 0;
};
ProcessMemory process_memory();

/// Seconds since the process was started, to the system's clock tick (10 ms); negative if unknown.
double process_age_s();

/// The energy counters of the processor packages (RAPL, by way of the kernel's powercap).
class EnergyMeter {
 public:
  explicit EnergyMeter(const std::string& folder = "/sys/class/powercap");

  bool available() const { return !counters_.empty(); }
  /// Joules that all packages used since `restart` or the beginning; nothing where the machine does
  /// not tell, or not this user. A counter may wrap once in between.
  std::optional<double> joules() const;
  void restart();

 private:
  struct Counter {
    std::string path;
    uint64_t range = 0;  // the value at which it wraps to 0
    uint64_t start = 0;
  };
  std::vector<Counter> counters_;
};

}  // namespace ernie::bench
