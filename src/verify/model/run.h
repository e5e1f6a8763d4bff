#pragma once

/// `ernie verify model`: a device's model held against a truth.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "verify/backend_factory.h"
#include "verify/faults/fault.h"
#include "verify/model/check.h"

namespace ernie::verify::model {

struct ModelRunOptions {
  std::string device = "cpu";
  BackendOptions backend;
  bool stream_layers = false;  ///< of the device; what computes the truth always does
  /// A recording to hold against: see open_recording. Empty: compute the truth on `against`.
  std::string recording;
  bool is_golden = false;
  /// A device's name; the oracle computes in double.
  std::string against = oracle_device();
  std::vector<Prompt> prompts;  ///< not with a recording
  std::vector<int32_t> text;    ///< not with a recording: tokens to take the perplexity of
  int64_t window = 512;         ///< tokens of the text that see each other
  int64_t max_tokens = 256;     ///< of the device, in a step
  uint64_t seed = 0;
  const Fault* fault = nullptr;  ///< compute the device with it
  BackendFactory make_device = make_backend;
};

struct ModelRun {
  std::string device, truth;
  Arithmetic arithmetic;
  bool is_recorded = false, is_golden = false;
  ModelCheck check;
  std::optional<DistributionFigures> text;
  std::vector<Check> text_checks;
  double seconds = 0;
  uint64_t seed = 0;
  bool passed() const;
};

/// Called with what is being done and how far it is; for a progress display.
using ModelProgress = std::function<void(const std::string& what, size_t done, size_t all)>;

/// Error: a device or file that does not exist, memory.
Result<ModelRun> run_model_check(const WeightSource& weights, const ModelRunOptions& options,
                                 const ModelProgress& progress = {});

}  // namespace ernie::verify::model
