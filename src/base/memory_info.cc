#include "base/memory_info.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace ernie {
namespace {

uint64_t mem_available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  uint64_t kib = 0;
  while (file >> key >> kib) {
    std::getline(file, unit);
    if (key == "MemAvailable:") return kib * 1024;
  }
  return 0;
}

/// The first number in a file, or `otherwise` if there is none ("max" means no limit).
uint64_t read_number(const char* path, uint64_t otherwise) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : otherwise;
}

}  // namespace

uint64_t available_memory_bytes() {
  const uint64_t system = mem_available_bytes();
  const uint64_t limit = read_number("/sys/fs/cgroup/memory.max", UINT64_MAX);
  if (limit == UINT64_MAX) return system;
  const uint64_t used = read_number("/sys/fs/cgroup/memory.current", 0);
  return std::min(system, limit > used ? limit - used : 0);
}

}  // namespace ernie
