#include "bench/process_info.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <regex>

namespace ernie::bench {
namespace {

std::optional<uint64_t> read_number(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

}  // namespace

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream file("/proc/self/status");
  std::string key, rest;
  while (file >> key) {
    uint64_t kib = 0;
    if (key == "VmRSS:" && file >> kib) memory.rss_bytes = kib * 1024;
    if (key == "VmHWM:" && file >> kib) memory.peak_rss_bytes = kib * 1024;
    std::getline(file, rest);
  }
  return memory;
}

double process_age_s() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The second field is the program's name in parentheses, which may hold anything.
  const size_t name_end = line.rfind(')');
  timespec now{};
  if (name_end == std::string::npos || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return -1;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  constexpr int kStartTimeField = 22;
  for (int field = 3; field < kStartTimeField; ++field) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return -1;
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) -
         ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

EnergyMeter::EnergyMeter(const std::string& folder) {
  // "intel-rapl:0" is a package (of either maker), "intel-rapl:0:1" a part of one.
  static const std::regex kPackage("intel-rapl:[0-9]+");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!std::regex_match(entry.path().filename().string(), kPackage)) continue;
    const std::string path = entry.path().string() + "/energy_uj";
    if (!read_number(path)) continue;
    counters_.push_back(
        {path, read_number(entry.path().string() + "/max_energy_range_uj").value_or(0)});
  }
  restart();
}

void EnergyMeter::restart() {
  for (Counter& counter : counters_) counter.start = read_number(counter.path).value_or(0);
}

std::optional<double> EnergyMeter::joules() const {
  if (counters_.empty()) return std::nullopt;
  double microjoules = 0;
  for (const Counter& counter : counters_) {
    const auto now = read_number(counter.path);
    if (!now) return std::nullopt;
    const uint64_t wrapped = *now < counter.start ? counter.range : 0;
    microjoules += static_cast<double>(*now + wrapped - counter.start);
  }
  return microjoules * 1e-6;
}

}  // namespace ernie::bench
