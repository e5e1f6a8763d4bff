#include "jobs/load_engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "backend/registry.h"
#include "base/file.h"
#include "base/memory_info.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/inspect.h"
#include "jobs/demo_model.h"
#include "jobs/model_identity.h"
#include "jobs/progress.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;
using WeightsPtr = std::shared_ptr<const WeightSource>;
using TokenizerPtr = std::shared_ptr<const Tokenizer>;

constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;
constexpr std::chrono::milliseconds kLoadLogInterval{5000}, kLoadLineInterval{500};

/// The shape for random weights: a preset's name, a config.json, or a directory with one.
Result<ModelConfig> dummy_config(const std::string& model) {
  if (model.empty()) {
    const DemoModel demo = demo_model();
    return parse_model_config(demo.config.text(), demo.config.name());
  }
  std::error_code failed;
  if (auto preset = preset_model_config(model); preset && !fs::exists(model, failed)) {
    return *preset;
  }
  const std::string path = fs::is_directory(model, failed) ? model + "/config.json" : model;
  ERNIE_TRY(const std::string json, read_text_file(path, kMaxConfigBytes));
  return parse_model_config(json, path);
}

Result<void> check_memory(const EngineSettings& settings, ModelConfig config, DType dtype) {
  config.dtype = dtype;
  const bool has_file = settings.load_format != "dummy";
  const uint64_t available = available_memory_bytes();
  const auto needed = static_cast<uint64_t>(weight_bytes(config));
  if ((settings.mmap && has_file) || available == 0 || needed <= available) return {};
  constexpr double kGib = 1 << 30;
  return make_error(
      ErrorCode::kOutOfMemory, "weights: need {:.1f} GiB in {}, {:.1f} GiB of memory are free{}",
      static_cast<double>(needed) / kGib, dtype_name(dtype), static_cast<double>(available) / kGib,
      has_file ? "; --mmap computes from the mapped file instead" : "");
}

std::string model_name(const EngineSettings& settings) {
  if (settings.model.empty()) return "ernie-demo";
  // Of a relative path in a directory that is gone there is no absolute one.
  std::error_code failed;
  const fs::path absolute = fs::absolute(settings.model, failed);
  const fs::path path = (failed ? fs::path(settings.model) : absolute).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

Result<std::string> model_identity(const EngineSettings& settings, const OpenedModel& model,
                                   DType dtype) {
  const bool has_file = settings.load_format != "dummy";
  ERNIE_TRY(const std::string checksum,
            model_checksum(*model.weights, model.tokenizer.get(), has_file));
  return fmt::format("{} {} {} {} {} {}", model_name(settings), checksum, settings.load_format,
                     dtype_name(dtype), settings.device,
                     settings.isa.empty() ? "best" : settings.isa);
}

/// Tells how far loading is: on a terminal in a line of its own, else now and then in the log, but
/// not of a model that loads in seconds.
LoadProgress show_loading(int64_t num_layers) {
  using Clock = std::chrono::steady_clock;
  const bool quiet = !spdlog::should_log(spdlog::level::warn);
  return [num_layers, line = ProgressLine(quiet), began = Clock::now(),
          last = Clock::now()](int64_t num_ready) mutable {
    const auto now = Clock::now();
    if (num_ready >= num_layers) return line.clear();
    if (now - last < (line.is_visible() ? kLoadLineInterval : kLoadLogInterval)) return;
    last = now;
    const std::string text =
        loading_text(num_ready, num_layers, std::chrono::duration<double>(now - began).count());
    line.is_visible() ? line.show(text) : spdlog::info(text);
  };
}

void log_engine(const LoadedEngine& loaded) {
  const EngineOptions& options = loaded.engine->options();
  spdlog::info("model {}: {}", loaded.model_name, loaded.weights->describe());
  spdlog::info(
      "device {}; max-model-len {}, max-num-seqs {}, max-num-batched-tokens {}, block-size {}, KV "
      "cache {:.1f} MiB",
      loaded.engine->backend().describe(), options.max_model_len, options.max_num_seqs,
      options.max_num_batched_tokens, options.block_size,
      static_cast<double>(options.kv_cache_bytes) / (1 << 20));
}

}  // namespace

Result<WeightsPtr> open_weights(const EngineSettings& settings) {
  if (settings.load_format == "dummy") {
    ERNIE_TRY(const ModelConfig config, dummy_config(settings.model));
    return WeightsPtr(make_dummy_weights(config, /*seed=*/0));
  }
  const DemoModel demo = demo_model();
  ERNIE_TRY(auto weights, settings.model.empty() ? open_checkpoint(demo.config, demo.weights)
                                                 : open_checkpoint(settings.model));
  return WeightsPtr(std::move(weights));
}

std::optional<DType> named_dtype(const DeviceSettings& settings) {
  if (settings.dtype == "bfloat16") return DType::kBF16;
  if (settings.dtype == "float32") return DType::kF32;
  return std::nullopt;
}

int num_threads(const DeviceSettings& settings) {
  return settings.threads != 0 ? settings.threads : available_processors();
}

DType compute_dtype(const EngineSettings& settings, const ModelConfig& config) {
  const DType stored = config.dtype == DType::kBF16 ? DType::kBF16 : DType::kF32;
  return named_dtype(settings).value_or(stored);
}

Result<BackendOptions> backend_options(const EngineSettings& settings, const ModelConfig& config) {
  const DType dtype = compute_dtype(settings, config);
  ERNIE_TRY_VOID(check_memory(settings, config, dtype));
  return BackendOptions{dtype, settings.threads, settings.isa, settings.mmap};
}

Result<TokenizerPtr> open_tokenizer(const EngineSettings& settings, const WeightSource* weights) {
  if (!settings.tokenizer.empty()) return Tokenizer::load(settings.tokenizer);
  const Vocabulary* own = weights == nullptr ? nullptr : weights->vocabulary();
  if (own != nullptr) return Tokenizer::from_vocabulary(*own);
  if (settings.model.empty()) {
    const DemoModel demo = demo_model();
    return Tokenizer::from_files({demo.tokenizer_model, /*added_tokens=*/{},
                                  demo.special_tokens_map, demo.tokenizer_config});
  }
  std::error_code failed;
  if (settings.load_format == "dummy" && !fs::exists(settings.model + "/tokenizer.model", failed)) {
    return TokenizerPtr();
  }
  return Tokenizer::load(settings.model);
}

Result<OpenedModel> EngineLoader::open(const EngineSettings& settings) const {
  OpenedModel model;
  ERNIE_TRY(model.weights, open_weights(settings));
  ERNIE_TRY(model.tokenizer, open_tokenizer(settings, model.weights.get()));
  return model;
}

Result<LoadedEngine> EngineLoader::load(OpenedModel model, const EngineSettings& settings) const {
  const ModelConfig& config = model.weights->config();
  LoadedEngine loaded;
  ERNIE_TRY(const BackendOptions options, backend_options(settings, config));
  ERNIE_TRY(auto backend, make_backend(settings.device, options));
  ERNIE_TRY(loaded.identity, model_identity(settings, model, options.dtype));
  ERNIE_TRY(loaded.engine, Engine::create(std::move(backend), *model.weights, model.tokenizer,
                                          settings.engine, show_loading(config.num_layers)));
  loaded.weights = std::move(model.weights);
  loaded.tokenizer = std::move(model.tokenizer);
  loaded.dtype = options.dtype;
  loaded.model_name = model_name(settings);
  if (loaded.tokenizer) loaded.chat_template = detect_chat_template(*loaded.tokenizer);
  log_engine(loaded);
  return loaded;
}

Result<LoadedEngine> EngineLoader::open_and_load(const EngineSettings& settings) const {
  ERNIE_TRY(OpenedModel model, open(settings));
  return load(std::move(model), settings);
}

}  // namespace ernie
