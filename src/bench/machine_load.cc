#include "bench/machine_load.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace ernie::bench {
namespace {

/// What all processors have worked since the machine started, for whomever.
std::optional<double> busy_seconds(const std::string& path) {
  std::ifstream file(path);
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, io_wait = 0, irq = 0, soft_irq = 0, stolen = 0;
  file >> name >> user >> nice >> system >> idle >> io_wait >> irq >> soft_irq >> stolen;
  if (!file || name != "cpu") return std::nullopt;
  return (user + nice + system + irq + soft_irq + stolen) /
         static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

}  // namespace

double MachineLoad::others_share() const {
  const double available_s = wall_s * num_processors;
  return available_s > 0 ? std::clamp(others_s / available_s, 0.0, 1.0) : 0;
}

LoadMeter::LoadMeter(std::string stat_path)
    : stat_path_(std::move(stat_path)),
      began_(std::chrono::steady_clock::now()),
      own_before_s_(own_seconds()),
      busy_before_s_(busy_seconds(stat_path_)) {}

std::optional<MachineLoad> LoadMeter::load() const {
  const std::optional<double> busy_s = busy_seconds(stat_path_);
  if (!busy_s || !busy_before_s_) return std::nullopt;
  MachineLoad load;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
  load.wall_s = passed.count();
  load.num_processors = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  load.own_s = own_seconds() - own_before_s_;
  load.others_s = std::max(*busy_s - *busy_before_s_ - load.own_s, 0.0);
  if (::getloadavg(&load.load_average, 1) != 1) load.load_average = 0;
  return load;
}

void add_load(const std::optional<MachineLoad>& load, report::Report& report) {
  if (!load) return;
  const double own = load->wall_s > 0 ? load->own_s / load->wall_s : 0;
  report.environment.push_back(
      {{"Load", "负载"},
       fmt::format("{:.2f} of {} processors, others {}; load average {:.2f}", own,
                   load->num_processors, percent(load->others_share()), load->load_average)});
  if (!load->is_busy()) return;
  report.verdict = report::Verdict::kWarn;
  report.summary.en =
      fmt::format("Busy machine, do not quote: other programs had {} of the processors. ",
                  percent(load->others_share())) +
      report.summary.en;
  if (report.summary.zh.empty()) return;
  report.summary.zh = fmt::format("机器繁忙，数据请勿引用：其他程序占用了 {} 的处理器时间。",
                                  percent(load->others_share())) +
                      report.summary.zh;
}

boost::json::object load_to_json(const MachineLoad& load) {
  return {{"wall_s", load.wall_s},
          {"num_processors", load.num_processors},
          {"own_processor_s", load.own_s},
          {"others_processor_s", load.others_s},
          {"load_average", load.load_average},
          {"busy", load.is_busy()}};
}

}  // namespace ernie::bench
