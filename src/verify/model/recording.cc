#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "json/parse.h"
#include "verify/model/truth.h"

namespace ernie::verify::model {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxSummaryBytes = uint64_t{1} << 20;
constexpr const char* kSummary = "golden.json";
constexpr const char* kTensors = "golden.safetensors";
constexpr int64_t kMaxPrompts = 100000;

const char* run_name(DType run) { return run == DType::kBF16 ? "bf16" : "f32"; }

/// The recording's name for a point of a pass.
std::string recorded_name(const TapPoint& point) {
  switch (point.tap) {
    case Tap::kEmbedding:
      return "embed";
    case Tap::kFinalNorm:
    case Tap::kLogits:
      return std::string(tap_name(point.tap));
    case Tap::kAttention:
      return fmt::format("layer{}.attn_out", point.layer);
    case Tap::kLayer:
      return fmt::format("layer{}.out", point.layer);
    default:
      return fmt::format("layer{}.{}", point.layer, tap_name(point.tap));
  }
}

class Recording final : public Truth {
 public:
  Recording(SafetensorsFile file, DType run, const ModelConfig& config)
      : file_(std::move(file)), run_(run), config_(config) {}

  Result<void> check() {
    while (file_.find(fmt::format("prompt{}.ids", num_prompts_)) != nullptr &&
           num_prompts_ < static_cast<size_t>(kMaxPrompts)) {
      ++num_prompts_;
    }
    if (num_prompts_ == 0) {
      return make_error(ErrorCode::kCorruptData, "{}: no tensor prompt0.ids", file_.name());
    }
    for (size_t p = 0; p < num_prompts_; ++p) {
      if (!has_run(p, run_)) {
        return make_error(ErrorCode::kCorruptData, "{}: no tensors {}.prompt{}.…", file_.name(),
                          run_name(run_), p);
      }
    }
    return {};
  }

  size_t num_prompts() const override { return num_prompts_; }
  std::string describe() const override {
    return fmt::format("{}, run {}", file_.name(), run_name(run_));
  }
  DType act() const override { return run_; }
  bool is_recorded() const override { return true; }

  Result<int64_t> num_tokens(size_t index) const override {
    ERNIE_TRY(const auto ids, ints(fmt::format("prompt{}.ids", index), config_.vocab_size));
    return static_cast<int64_t>(ids.size());
  }

  Result<std::vector<PromptTruth>> prompts(size_t begin, size_t end) override {
    std::vector<PromptTruth> all;
    for (size_t index = begin; index < end; ++index) {
      ERNIE_TRY(PassTrace truth, trace(index, run_));
      all.push_back({std::move(truth), std::nullopt});
      if (run_ == DType::kF32 && has_run(index, DType::kBF16)) {
        ERNIE_TRY(all.back().original, trace(index, DType::kBF16));
      }
    }
    return all;
  }

 private:
  bool has_run(size_t index, DType run) const {
    const std::string prefix = fmt::format("{}.prompt{}.", run_name(run), index);
    return std::ranges::any_of(points_of(config_), [&](const TapPoint& point) {
      return file_.find(prefix + recorded_name(point)) != nullptr;
    });
  }

  Result<std::vector<int32_t>> ints(const std::string& name, int64_t bound) const {
    const SafetensorsEntry* entry = file_.find(name);
    if (entry == nullptr || entry->dtype != DType::kI32 || entry->shape.rank() != 1 ||
        entry->shape[0] == 0) {
      return make_error(ErrorCode::kCorruptData, "{}: {}: expected a list of I32", file_.name(),
                        name);
    }
    const HostTensor tensor = file_.tensor(*entry);
    const auto values = tensor.values<int32_t>();
    for (const int32_t x : values) {
      if (x < 0 || x >= bound) {
        return make_error(ErrorCode::kCorruptData, "{}: {}: got {}, expected 0 to {}", file_.name(),
                          name, x, bound - 1);
      }
    }
    return std::vector<int32_t>(values.begin(), values.end());
  }

  /// They become indices, and may have been stored as floating-point numbers.
  Result<void> check_experts(const std::string& name, const Values& ids) const {
    const double bound = static_cast<double>(config_.num_experts);
    for (const double id : ids.data) {
      const bool is_expert = id >= 0 && id < bound && id == std::floor(id);  // NaN is none
      if (!is_expert) {
        return make_error(ErrorCode::kCorruptData, "{}: {}: got expert {}, expected 0 to {}",
                          file_.name(), name, id, bound - 1);
      }
    }
    return {};
  }

  Result<Values> matrix(const SafetensorsEntry& entry, int64_t rows, int64_t columns) const {
    const bool is_ids = entry.dtype == DType::kI32;
    const bool is_float = entry.dtype == DType::kF32 || entry.dtype == DType::kBF16;
    if (!(entry.shape == Shape{rows, columns}) || (!is_ids && !is_float)) {
      return make_error(ErrorCode::kCorruptData,
                        "{}: {}: got {} {}, expected [{}, {}] of F32, BF16 or I32", file_.name(),
                        entry.name, dtype_name(entry.dtype), to_string(entry.shape), rows, columns);
    }
    const HostTensor tensor = file_.tensor(entry);
    Values values{rows, columns, {}};
    values.data.reserve(static_cast<size_t>(rows * columns));
    for (int64_t i = 0; i < rows * columns; ++i) {
      values.data.push_back(
          is_ids ? static_cast<double>(tensor.values<int32_t>()[static_cast<size_t>(i)])
                 : static_cast<double>(load_float(tensor.dtype(), tensor.data(), i)));
    }
    return values;
  }

  Result<PassTrace> trace(size_t index, DType run) const {
    PassTrace trace;
    ERNIE_TRY(trace.ids, ints(fmt::format("prompt{}.ids", index), config_.vocab_size));
    ERNIE_TRY(trace.positions, ints(fmt::format("prompt{}.positions", index), INT32_MAX));
    const auto rows = static_cast<int64_t>(trace.ids.size());
    if (trace.positions.size() != trace.ids.size()) {
      return make_error(ErrorCode::kCorruptData, "{}: prompt{}: {} ids and {} positions",
                        file_.name(), index, trace.ids.size(), trace.positions.size());
    }
    const std::string prefix = fmt::format("{}.prompt{}.", run_name(run), index);
    for (const TapPoint& point : points_of(config_)) {
      const SafetensorsEntry* entry = file_.find(prefix + recorded_name(point));
      if (entry == nullptr) continue;
      ERNIE_TRY(Values values, matrix(*entry, rows, columns_of(config_, point.tap)));
      if (point.tap == Tap::kExpertIds) ERNIE_TRY_VOID(check_experts(entry->name, values));
      trace.taps.emplace(point, std::move(values));
    }
    return trace;
  }

  SafetensorsFile file_;
  DType run_;
  ModelConfig config_;
  size_t num_prompts_ = 0;
};

/// The tensors' file that a path means.
Result<std::string> tensors_path(const std::string& path) {
  if (fs::path(path).extension() == ".safetensors") return path;
  const fs::path summary = fs::is_directory(path) ? fs::path(path) / kSummary : fs::path(path);
  const fs::path beside = summary.parent_path() / kTensors;
  if (!fs::exists(summary) && fs::exists(beside)) return beside.string();
  ERNIE_TRY(const std::string text, read_text_file(summary.string(), kMaxSummaryBytes));
  ERNIE_TRY(const boost::json::object object, parse_json_object(text, summary.string()));
  const auto* truth = object.if_contains("truth");
  if (truth == nullptr || !truth->is_string()) {
    return make_error(ErrorCode::kCorruptData, "{}: truth: expected a file name", summary.string());
  }
  return (summary.parent_path() / std::string(truth->as_string())).lexically_normal().string();
}

}  // namespace

bool has_recording(const std::string& directory) {
  return !directory.empty() &&
         (fs::exists(fs::path(directory) / kSummary) || fs::exists(fs::path(directory) / kTensors));
}

Result<std::unique_ptr<Truth>> open_recording(const std::string& path, DType run,
                                              const ModelConfig& config) {
  ERNIE_TRY(const std::string tensors, tensors_path(path));
  ERNIE_TRY(ByteSource source, ByteSource::map_file(tensors));
  ERNIE_TRY(SafetensorsFile file, SafetensorsFile::open(std::move(source)));
  auto recording = std::make_unique<Recording>(std::move(file), run, config);
  ERNIE_TRY_VOID(recording->check());
  return std::unique_ptr<Truth>(std::move(recording));
}

}  // namespace ernie::verify::model
