#include "verify/model/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "verify/array.h"

namespace ernie::verify::model {
namespace {

struct StageRow {
  Stage stage;
  std::string_view name;
  const char* en;
  const char* zh;
};
constexpr std::array<StageRow, 11> kStages{{
    {Stage::kEmbedding, "embedding", "the embedding", "词嵌入"},
    {Stage::kAttention, "attention", "the attention", "注意力"},
    {Stage::kRouterLogits, "router_logits", "the router's logits", "路由 logits"},
    {Stage::kExpertIds, "expert_ids", "the choice of experts", "专家选择"},
    {Stage::kExpertWeights, "expert_weights", "the experts' weights", "专家权重"},
    {Stage::kRouted, "routed", "the routed experts", "路由专家"},
    {Stage::kShared, "shared", "the shared expert", "共享专家"},
    {Stage::kMlp, "mlp", "the dense MLP", "稠密 MLP"},
    {Stage::kLayer, "layer", "the sum at the end", "层输出"},
    {Stage::kFinalNorm, "final_norm", "the final norm", "最终归一化"},
    {Stage::kLogits, "logits", "the logits", "logits"},
}};

const StageRow& row_of(Stage stage) { return kStages[static_cast<size_t>(stage)]; }

bool is_outside_layers(Stage stage) {
  return stage == Stage::kEmbedding || stage == Stage::kFinalNorm || stage == Stage::kLogits;
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

std::string_view stage_name(Stage stage) { return row_of(stage).name; }

report::Text stage_words(Stage stage) { return {row_of(stage).en, row_of(stage).zh}; }

Stage parse_stage(std::string_view name) {
  const auto* row =
      std::ranges::find_if(kStages, [&](const StageRow& r) { return r.name == name; });
  ERNIE_CHECK(row != kStages.end(), "\"{}\"", name);
  return row->stage;
}

std::string to_string(const Place& place) {
  const std::string_view name = stage_name(place.stage);
  if (is_outside_layers(place.stage)) return std::string(name);
  return fmt::format("layer {} {}", place.layer, name);
}

report::Text place_words(const Place& place) {
  const report::Text stage = stage_words(place.stage);
  if (is_outside_layers(place.stage)) return stage;
  return {fmt::format("{} of layer {}", stage.en, place.layer),
          fmt::format("第 {} 层的{}", place.layer, stage.zh)};
}

int64_t columns_of(const ModelConfig& c, Stage stage) {
  switch (stage) {
    case Stage::kRouterLogits:
      return c.num_experts;
    case Stage::kExpertIds:
    case Stage::kExpertWeights:
      return c.experts_per_token;
    case Stage::kLogits:
      return c.vocab_size;
    default:
      return c.hidden_size;
  }
}

std::vector<Place> places_of(const ModelConfig& c) {
  std::vector<Place> places{{-1, Stage::kEmbedding}};
  for (int64_t layer = 0; layer < c.num_layers; ++layer) {
    for (auto s = static_cast<int>(Stage::kAttention); s <= static_cast<int>(Stage::kLayer); ++s) {
      places.push_back({layer, static_cast<Stage>(s)});
    }
  }
  places.push_back({c.num_layers, Stage::kFinalNorm});
  places.push_back({c.num_layers, Stage::kLogits});
  return places;
}

}  // namespace ernie::verify::model
