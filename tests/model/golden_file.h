#pragma once

#include <string>
#include <vector>

#include "checkpoint/safetensors.h"
#include "model/model_harness.h"

namespace ernie::testing {

/// The recorded truth of one case: see tools/golden/README.md for the tensors.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& path);
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  Values values(const std::string& name) const;
  std::vector<int32_t> ints(const std::string& name) const;

 private:
  SafetensorsFile file_;
};

/// How two arrays differ.
struct Difference {
  double max_abs = 0;
  double rms = 0;
  double range = 0;  ///< of the expected values
  double equal_fraction = 0;
  double relative() const { return range > 0 ? max_abs / range : max_abs; }
};
Difference compare(const Values& got, const Values& want);

}  // namespace ernie::testing
