#include "checkpoint/checkpoint_writer.h"

#include <filesystem>

#include "base/atomic_file.h"
#include "checkpoint/safetensors_writer.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;

/// The published files keep the bias as a row matrix.
Shape published_shape(const TensorSpec& tensor) {
  if (!tensor.name.ends_with("e_score_correction_bias")) return tensor.shape;
  return {1, tensor.shape[0]};
}

Result<void> prepare_directory(const fs::path& directory, bool overwrite) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return make_error(ErrorCode::kIo, "{}: cannot create: {}", directory.string(), error.message());
  }
  for (const char* file : {"config.json", "model.safetensors", "model.safetensors.index.json"}) {
    if (!overwrite && fs::exists(directory / file, error)) {
      return make_error(ErrorCode::kInvalidArgument,
                        "{}: got an existing checkpoint, expected none, or --force",
                        (directory / file).string());
    }
  }
  return {};
}

Result<void> check_room(const fs::path& directory, uint64_t needed) {
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (!error && space.available < needed) {
    return make_error(ErrorCode::kIo, "{}: got {:.2f} GB of free disk space, expected {:.2f} GB",
                      directory.string(), static_cast<double>(space.available) * 1e-9,
                      static_cast<double>(needed) * 1e-9);
  }
  return {};
}

uint64_t total_bytes(std::span<const SafetensorsPlan> tensors) {
  uint64_t total = 0;
  for (const SafetensorsPlan& tensor : tensors) {
    total += static_cast<uint64_t>(tensor.shape.num_elements()) * dtype_bytes(tensor.dtype);
  }
  return total;
}

Result<void> append_weights(const WeightSource& weights, SafetensorsWriter& writer,
                            const CheckpointWriteOptions& options) {
  const uint64_t num_bytes = total_bytes(writer.tensors());
  uint64_t num_written = 0;
  for (const SafetensorsPlan& plan : writer.tensors()) {
    ERNIE_TRY(const HostMatrix stored, weights.read(plan.name));
    const HostTensor tensor = stored.to_tensor(plan.dtype);
    ERNIE_TRY_VOID(writer.append({tensor.data(), tensor.num_bytes()}));
    num_written += tensor.num_bytes();
    if (options.on_progress) options.on_progress(num_written, num_bytes);
  }
  return {};
}

}  // namespace

Result<void> write_checkpoint(const WeightSource& weights, const std::string& directory,
                              const CheckpointWriteOptions& options) {
  const ModelConfig& config = weights.config();
  std::vector<SafetensorsPlan> tensors;
  for (const TensorSpec& tensor : model_tensors(config)) {
    const DType dtype = tensor.is_float32 ? DType::kF32 : config.dtype;
    tensors.push_back({tensor.name, dtype, published_shape(tensor)});
  }
  ERNIE_TRY_VOID(prepare_directory(directory, options.overwrite));
  const fs::path path(directory);
  if (!options.sparse) ERNIE_TRY_VOID(check_room(path, total_bytes(tensors)));
  ERNIE_TRY(SafetensorsWriter writer,
            SafetensorsWriter::create((path / "model.safetensors").string(), std::move(tensors),
                                      {{"format", "pt"}}));
  if (options.sparse) {
    writer.append_hole();
  } else {
    ERNIE_TRY_VOID(append_weights(weights, writer, options));
  }
  ERNIE_TRY_VOID(writer.finish());
  return write_file_atomically((path / "config.json").string(), to_json(config));
}

}  // namespace ernie
