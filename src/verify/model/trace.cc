#include "verify/model/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "verify/array.h"

namespace ernie::verify::model {
namespace {

struct StageWords {
  Tap tap;
  const char* en;
  const char* zh;
};
constexpr std::array<StageWords, 11> kStages{{
    {Tap::kEmbedding, "the embedding", "词嵌入"},
    {Tap::kAttention, "the attention", "注意力"},
    {Tap::kRouterLogits, "the router's logits", "路由 logits"},
    {Tap::kExpertIds, "the choice of experts", "专家选择"},
    {Tap::kExpertWeights, "the experts' weights", "专家权重"},
    {Tap::kRouted, "the routed experts", "路由专家"},
    {Tap::kShared, "the shared expert", "共享专家"},
    {Tap::kMlp, "the dense MLP", "稠密 MLP"},
    {Tap::kLayer, "the sum at the end", "层输出"},
    {Tap::kFinalNorm, "the final norm", "最终归一化"},
    {Tap::kLogits, "the logits", "logits"},
}};

bool is_outside_layers(Tap tap) {
  return tap == Tap::kEmbedding || tap == Tap::kFinalNorm || tap == Tap::kLogits;
}

}  // namespace

void Values::append(const Values& more) {
  ERNIE_CHECK(rows == 0 || columns == more.columns, "{} and {} columns", columns, more.columns);
  columns = more.columns;
  rows += more.rows;
  data.insert(data.end(), more.data.begin(), more.data.end());
}

Result<Values> to_host(Backend& backend, const Tensor& tensor) {
  Values values{tensor.dim(0), tensor.row_elements(), {}};
  if (tensor.dtype == DType::kI32) {
    ERNIE_TRY(const std::vector<int32_t> ids, download_ids(backend, tensor));
    values.data.assign(ids.begin(), ids.end());
  } else {
    ERNIE_TRY(values.data, download(backend, tensor));
  }
  return values;
}

void write_to(Backend& backend, const Tensor& tensor, std::span<const double> values) {
  ERNIE_CHECK(static_cast<int64_t>(values.size()) == tensor.shape.num_elements(), "{} for {}",
              values.size(), to_string(tensor.shape));
  std::vector<std::byte> bytes(tensor.num_bytes());
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.dtype == DType::kF64) {
      reinterpret_cast<double*>(bytes.data())[i] = values[i];
    } else if (tensor.dtype == DType::kI32) {
      reinterpret_cast<int32_t*>(bytes.data())[i] = static_cast<int32_t>(values[i]);
    } else {
      store_float(tensor.dtype, bytes.data(), static_cast<int64_t>(i),
                  static_cast<float>(values[i]));
    }
  }
  backend.copy_in(bytes.data(), tensor);
}

report::Text stage_words(Tap tap) {
  const auto* row = std::ranges::find(kStages, tap, &StageWords::tap);
  return {row->en, row->zh};
}

std::string to_string(const TapPoint& point) {
  const std::string_view name = tap_name(point.tap);
  if (is_outside_layers(point.tap)) return std::string(name);
  return fmt::format("layer {} {}", point.layer, name);
}

report::Text point_words(const TapPoint& point) {
  const report::Text stage = stage_words(point.tap);
  if (is_outside_layers(point.tap)) return stage;
  return {fmt::format("{} of layer {}", stage.en, point.layer),
          fmt::format("第 {} 层的{}", point.layer, stage.zh)};
}

int64_t columns_of(const ModelConfig& c, Tap tap) {
  switch (tap) {
    case Tap::kRouterLogits:
      return c.num_experts;
    case Tap::kExpertIds:
    case Tap::kExpertWeights:
      return c.experts_per_token;
    case Tap::kLogits:
      return c.vocab_size;
    default:
      return c.hidden_size;
  }
}

std::vector<TapPoint> points_of(const ModelConfig& c) {
  std::vector<TapPoint> points{{-1, Tap::kEmbedding}};
  for (int64_t layer = 0; layer < c.num_layers; ++layer) {
    for (auto s = static_cast<int>(Tap::kAttention); s <= static_cast<int>(Tap::kLayer); ++s) {
      points.push_back({layer, static_cast<Tap>(s)});
    }
  }
  points.push_back({c.num_layers, Tap::kFinalNorm});
  points.push_back({c.num_layers, Tap::kLogits});
  return points;
}

}  // namespace ernie::verify::model
