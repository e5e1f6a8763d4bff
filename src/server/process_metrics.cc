#include "server/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

namespace ernie {
namespace {

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double num_open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator all("/proc/self/fd", error);
  if (error) return 0;
  return static_cast<double>(std::distance(begin(all), end(all)));
}

}  // namespace

ProcessMetrics::ProcessMetrics(prometheus::Registry& registry)
    : processor_seconds_(prometheus::BuildCounter()
                             .Name("process_cpu_seconds_total")
                             .Help("Processor time, user and system.")
                             .Register(registry)
                             .Add({})),
      resident_bytes_(gauge(registry, "process_resident_memory_bytes", "Memory that is present.")),
      virtual_bytes_(gauge(registry, "process_virtual_memory_bytes", "Memory that is addressed.")),
      start_seconds_(gauge(registry, "process_start_time_seconds", "When it began, since 1970.")),
      open_descriptors_(gauge(registry, "process_open_fds", "Descriptors in use.")),
      most_descriptors_(gauge(registry, "process_max_fds", "Descriptors that may be in use.")) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  start_seconds_.Set(now.count());
}

void ProcessMetrics::update() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const double total = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    processor_seconds_.Increment(std::max(total - processor_seconds_.Value(), 0.0));
  }
  std::ifstream memory("/proc/self/statm");
  double virtual_pages = 0, resident_pages = 0;
  if (memory >> virtual_pages >> resident_pages) {
    const auto page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
    virtual_bytes_.Set(virtual_pages * page_bytes);
    resident_bytes_.Set(resident_pages * page_bytes);
  }
  open_descriptors_.Set(num_open_descriptors());
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    most_descriptors_.Set(static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace ernie
