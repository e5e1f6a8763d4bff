#pragma once

/// What a model computes on the way from token ids to logits, on the host.

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/result.h"
#include "checkpoint/model_config.h"
#include "model/tap.h"
#include "report/report.h"

namespace ernie::verify::model {

/// A matrix in double; ids are whole numbers.
struct Values {
  int64_t rows = 0, columns = 0;
  std::vector<double> data;

  double at(int64_t row, int64_t column) const {
    return data[static_cast<size_t>(row * columns + column)];
  }
  std::span<const double> row(int64_t i) const {
    return {data.data() + i * columns, static_cast<size_t>(columns)};
  }
  std::span<double> row(int64_t i) {
    return {data.data() + i * columns, static_cast<size_t>(columns)};
  }
  /// Adds rows below; both must have equally many columns, unless this one is empty.
  void append(const Values& more);
};

/// A device tensor of F64, F32, BF16 or I32 as [dim 0, the rest]. Error: the device is lost.
Result<Values> to_host(Backend& backend, const Tensor& tensor);
/// Rounds the values to the tensor's type and replaces what is in it.
void write_to(Backend& backend, const Tensor& tensor, std::span<const double> values);

/// What is computed from the point before to this one, in plain words.
report::Text stage_words(Tap tap);

/// One point of one pass. Ordered as it is computed: what precedes the layers has layer -1, what
/// follows them the number of layers.
struct TapPoint {
  int64_t layer = -1;
  Tap tap = Tap::kEmbedding;
  auto operator<=>(const TapPoint&) const = default;
};
/// "layer 3 attention"; "final_norm".
std::string to_string(const TapPoint& point);
/// "the attention of layer 3"
report::Text point_words(const TapPoint& point);

/// Every point that a model of this configuration could have, in order.
std::vector<TapPoint> points_of(const ModelConfig& config);
/// Of a row of values at such a point.
int64_t columns_of(const ModelConfig& config, Tap tap);

using Taps = std::map<TapPoint, Values>;

/// One sequence, computed in one prefill.
struct PassTrace {
  std::vector<int32_t> ids, positions;
  Taps taps;
};

}  // namespace ernie::verify::model
