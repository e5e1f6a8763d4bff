#include "report/environment.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <ctime>
#include <fstream>
#include <sstream>

#include "report/build_info.h"
#include "report/format.h"
#include "report/text_width.h"

namespace ernie::report {
namespace {

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::string without_blanks_around(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\n\"");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\n\"") + 1 - first);
}

/// What stands after `key` and `separator` on the first line that begins with `key`.
std::string field_of(const std::string& path, const std::string& key, char separator) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t end = line.find(separator);
    if (end != std::string::npos && without_blanks_around(line.substr(0, end)) == key) {
      return without_blanks_around(line.substr(end + 1));
    }
  }
  return "";
}

/// "32K", "8192 kB" or "max": bytes, 0 if it is no number.
uint64_t bytes_of(const std::string& text) {
  std::istringstream in(text);
  uint64_t value = 0;
  char unit = ' ';
  if (!(in >> value)) return 0;
  in >> unit;
  const uint64_t factor = unit == 'K' || unit == 'k' ? 1024 : unit == 'M' ? 1024 * 1024 : 1;
  return value * factor;
}

void read_caches(Environment& environment) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", index);
    const std::string level = without_blanks_around(contents_of(folder + "level"));
    const std::string type = without_blanks_around(contents_of(folder + "type"));
    const uint64_t bytes = bytes_of(contents_of(folder + "size"));
    if (level == "1" && type == "Data") environment.l1d_bytes = bytes;
    if (level == "2") environment.l2_bytes = bytes;
    if (level == "3") environment.l3_bytes = bytes;
  }
}

std::vector<std::string> read_instruction_sets() {
  constexpr std::array<const char*, 24> kInteresting = {
      "sse4_2",      "avx",      "f16c",     "fma",      "avx2",        "avx_vnni",
      "avx512f",     "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16",
      "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd",       "asimddp",
      "bf16",        "asimdhp",  "sve",      "sve2",     "i8mm",        "sme"};
  std::string flags = field_of("/proc/cpuinfo", "flags", ':');
  if (flags.empty()) flags = field_of("/proc/cpuinfo", "Features", ':');
  std::istringstream in(flags);
  std::vector<std::string> present, found;
  for (std::string flag; in >> flag;) present.push_back(flag);
  for (const char* name : kInteresting) {
    if (std::find(present.begin(), present.end(), name) != present.end()) found.emplace_back(name);
  }
  return found;
}

int count_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

std::string system_name() {
  struct utsname name {};
  if (uname(&name) != 0) return "";
  const std::string distribution = field_of("/etc/os-release", "PRETTY_NAME", '=');
  return fmt::format("{}{}{} {}, {}", distribution, distribution.empty() ? "" : ", ", name.sysname,
                     name.release, name.machine);
}

std::string compiler_name() {
#if defined(__clang__)
  return fmt::format("clang++ {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("g++ {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

std::vector<std::string> own_arguments() {
  std::vector<std::string> arguments;
  std::istringstream in(contents_of("/proc/self/cmdline"));
  for (std::string argument; std::getline(in, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

std::string caches_text(const Environment& environment) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, uint64_t bytes) {
    if (bytes > 0) parts.push_back(fmt::format("{} {}", name, format_bytes(bytes)));
  };
  add("L1d", environment.l1d_bytes);
  add("L2", environment.l2_bytes);
  add("L3", environment.l3_bytes);
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string joined(const std::string& a, const std::string& b) {
  return a + (a.empty() || b.empty() ? "" : ", ") + b;
}

std::string memory_text(const Environment& environment) {
  if (environment.memory_bytes == 0) return "";
  const std::string total = format_bytes(environment.memory_bytes);
  if (environment.memory_limit_bytes == 0) return total;
  return fmt::format("{} (cgroup: {})", total, format_bytes(environment.memory_limit_bytes));
}

}  // namespace

Environment collect_environment() {
  Environment environment;
  environment.cpu_model = clean_text(field_of("/proc/cpuinfo", "model name", ':'));
  environment.num_cpus = count_cpus();
  read_caches(environment);
  environment.instruction_sets = read_instruction_sets();
  environment.memory_bytes = bytes_of(field_of("/proc/meminfo", "MemTotal", ':'));
  const uint64_t limit = bytes_of(contents_of("/sys/fs/cgroup/memory.max"));
  if (limit < environment.memory_bytes) environment.memory_limit_bytes = limit;
  environment.system = clean_text(system_name());
  environment.compiler = compiler_name();
  environment.build_type = ERNIE_BUILD_TYPE;
  environment.build_flags = ERNIE_BUILD_FLAGS;
  environment.version = ERNIE_BUILD_VERSION;
  environment.commit = ERNIE_BUILD_COMMIT;
  environment.command_line = clean_text(shell_quoted(without_secrets(own_arguments())));
  environment.date_utc = fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::time(nullptr)));
  return environment;
}

std::vector<std::pair<Text, std::string>> environment_rows(const Environment& environment) {
  std::vector<std::pair<Text, std::string>> rows;
  const auto add = [&](Text name, std::string value) {
    if (!value.empty()) rows.emplace_back(std::move(name), std::move(value));
  };
  add({"Processor", "处理器"}, environment.cpu_model);
  if (environment.num_cpus > 0) {
    add({"Logical processors", "逻辑处理器"}, std::to_string(environment.num_cpus));
  }
  add({"Caches", "缓存"}, caches_text(environment));
  add({"Instruction sets", "指令集"},
      fmt::format("{}", fmt::join(environment.instruction_sets, " ")));
  add({"Memory", "内存"}, memory_text(environment));
  add({"System", "系统"}, environment.system);
  if (!environment.version.empty()) add({"Program", "程序"}, "ernie " + environment.version);
  add({"Commit", "提交"}, environment.commit);
  add({"Compiler", "编译器"}, environment.compiler);
  add({"Build", "构建"}, joined(environment.build_type, environment.build_flags));
  add({"Command", "命令"}, environment.command_line);
  add({"Date", "日期"}, environment.date_utc);
  return rows;
}

boost::json::object to_json(const Environment& environment) {
  boost::json::array sets;
  for (const std::string& name : environment.instruction_sets) sets.emplace_back(name);
  return {{"cpu_model", environment.cpu_model},
          {"num_cpus", environment.num_cpus},
          {"l1d_bytes", environment.l1d_bytes},
          {"l2_bytes", environment.l2_bytes},
          {"l3_bytes", environment.l3_bytes},
          {"instruction_sets", std::move(sets)},
          {"memory_bytes", environment.memory_bytes},
          {"memory_limit_bytes", environment.memory_limit_bytes},
          {"system", environment.system},
          {"compiler", environment.compiler},
          {"build_type", environment.build_type},
          {"build_flags", environment.build_flags},
          {"version", environment.version},
          {"commit", environment.commit},
          {"command_line", environment.command_line},
          {"date_utc", environment.date_utc}};
}

std::vector<std::string> without_secrets(std::vector<std::string> arguments) {
  bool is_key = false;  // behind the flag; several keys may follow it
  for (std::string& argument : arguments) {
    std::string name = argument.substr(0, argument.find('='));
    std::ranges::replace(name, '_', '-');
    if (argument.starts_with("--")) {
      is_key = name == "--api-key" && name.size() == argument.size();
      if (name == "--api-key" && !is_key) argument = name + "=***";
    } else if (is_key) {
      argument = "***";
    }
  }
  return arguments;
}

std::string shell_quoted(const std::vector<std::string>& arguments) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:,@%";
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace ernie::report
