#include <filesystem>
#include <memory>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/checkpoint_writer.h"
#include "checkpoint/model_presets.h"
#include "cli/commands.h"
#include "cli/device_flags.h"
#include "jobs/progress.h"

namespace ernie {
namespace {

struct DummyFlags {
  std::string directory;
  std::string config = "tiny";
  std::string dtype = "auto";
  uint64_t seed = 0;
  bool force = false;
  bool sparse = false;
};

Result<ModelConfig> config_of(const DummyFlags& flags) {
  constexpr uint64_t kMaxBytes = 1 << 20;
  auto config = preset_model_config(flags.config);
  std::error_code failed;
  if (!config && !std::filesystem::exists(flags.config, failed)) {
    return make_error(ErrorCode::kNotFound, "--config: got {}, expected a file or one of {}",
                      flags.config, preset_names());
  }
  if (!config) {
    ERNIE_TRY(const std::string text, read_text_file(flags.config, kMaxBytes));
    ERNIE_TRY(config, parse_model_config(text, flags.config));
  }
  if (!config->tie_word_embeddings) config->tie_word_embeddings = true;
  // Only what this program runs is written.
  config->num_nextn_predict_layers = 0;
  if (flags.dtype == "bfloat16") config->dtype = DType::kBF16;
  if (flags.dtype == "float16") config->dtype = DType::kF16;
  if (flags.dtype == "float32") config->dtype = DType::kF32;
  return *config;
}

Result<void> write_dummy(const DummyFlags& flags) {
  ERNIE_TRY(const ModelConfig config, config_of(flags));
  const auto weights = make_dummy_weights(config, flags.seed);
  CheckpointWriteOptions options;
  options.overwrite = flags.force;
  options.sparse = flags.sparse;
  ProgressLine line(/*quiet=*/false);
  options.on_progress = [&line](uint64_t num_written, uint64_t num_bytes) {
    line.show(fmt::format("{:6.2f} of {:.2f} GB", static_cast<double>(num_written) * 1e-9,
                          static_cast<double>(num_bytes) * 1e-9),
              num_written == num_bytes);
  };
  ERNIE_TRY_VOID(write_checkpoint(*weights, flags.directory, options));
  fmt::print("{}: {}{}\n", flags.directory, weights->describe(),
             flags.sparse ? ", all zero as the file is sparse" : "");
  return {};
}

}  // namespace

Command add_dummy_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<DummyFlags>();
  app.add_option("OUT", flags->directory, "Directory to write")->type_name("DIR")->required();
  app.add_option("--config", flags->config, "21b, 0.3b, tiny, or a config.json")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_option("--dtype", flags->dtype, "Type of the weights; auto: that of the config")
      ->check(CLI::IsMember({"auto", "bfloat16", "float16", "float32"}))
      ->capture_default_str();
  add_seed_flag(app, flags->seed, "Seed of the weights");
  app.add_flag("--force", flags->force, "Replace a checkpoint that is there");
  app.add_flag("--sparse", flags->sparse,
               "Headers only: the weights are zeros that take no room on the disk");
  return [flags]() -> Result<int> {
    ERNIE_TRY_VOID(write_dummy(*flags));
    return 0;
  };
}

}  // namespace ernie
