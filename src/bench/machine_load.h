#pragma once

/// Whether a measurement had the machine for itself.

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "report/report.h"

namespace ernie::bench {

/// What the processors did while something was measured. Times are in seconds of processor time.
struct MachineLoad {
  double wall_s = 0;
  int num_processors = 0;
  double own_s = 0;         ///< of this process
  double others_s = 0;      ///< of other programs, and taken by other machines on the same hardware
  double load_average = 0;  ///< of the last minute, at the end

  /// Of all the time that the processors had.
  double others_share() const;
  /// Others had more than a twentieth of it: figures are not this program's alone.
  bool is_busy() const { return others_share() > 0.05; }
};

/// Begins when it is made.
class LoadMeter {
 public:
  /// `stat_path`: /proc/stat, or what stands for it in a test.
  explicit LoadMeter(std::string stat_path = "/proc/stat");

  /// Up to now; nothing where the system does not tell.
  std::optional<MachineLoad> load() const;

 private:
  std::string stat_path_;
  std::chrono::steady_clock::time_point began_;
  double own_before_s_ = 0;
  std::optional<double> busy_before_s_;
};

/// Says in the environment of a report what the load was, and if others had much of it, in front
/// of the summary that the figures are not to be quoted.
void add_load(const std::optional<MachineLoad>& load, report::Report& report);
boost::json::object load_to_json(const MachineLoad& load);

}  // namespace ernie::bench
