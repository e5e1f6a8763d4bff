#include "checkpoint/checkpoint.h"
#include "checkpoint/model_presets.h"

#include <filesystem>

#include "checkpoint/checkpoint_directory.h"
#include "checkpoint/shard_index.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr uint64_t kMaxConfigBytes = 1 << 20;
constexpr uint64_t kMaxIndexBytes = 32 << 20;
constexpr size_t kMaxListedProblems = 10;

std::string in_directory(const std::string& directory, const char* file) {
  return (fs::path(directory) / file).string();
}

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::optional<ModelConfig> read_config(const std::string& path, Problems& problems) {
  const auto parse = [&](const std::string& text) { return parse_model_config(text, path); };
  const auto text = read_text_file(path, kMaxConfigBytes);
  const Result<ModelConfig> config = text ? parse(*text) : Result<ModelConfig>(text.error());
  if (config) return *config;
  problems.add(config.error());
  return std::nullopt;
}

Result<SafetensorsFile> open_file(const std::string& path) {
  ERNIE_TRY(ByteSource source, ByteSource::map_file(path));
  return SafetensorsFile::open(std::move(source));
}

/// Every tensor must be where the index says, and the files must hold no other.
void compare_with_index(const ShardIndex& index, const std::string& index_path,
                        std::span<const SafetensorsFile> files, Problems& problems) {
  for (const auto& [tensor, file] : index.file_of_tensor) {
    if (files[file].find(tensor) == nullptr) {
      problems.add(ErrorCode::kCorruptData,
                   "{}: tensor \"{}\": got nothing, expected it here as {} says",
                   files[file].name(), printable(tensor), index_path);
    }
  }
  for (const SafetensorsFile& file : files) {
    for (const SafetensorsEntry& entry : file.entries()) {
      if (!index.file_of_tensor.contains(entry.name)) {
        problems.add(ErrorCode::kCorruptData, "{}: tensor \"{}\": got it in no entry, expected {}",
                     index_path, printable(entry.name), file.name());
      }
    }
  }
}

Result<ShardIndex> read_index(const std::string& path) {
  ERNIE_TRY(const std::string text, read_text_file(path, kMaxIndexBytes));
  return parse_shard_index(text, path);
}

std::vector<SafetensorsFile> open_shards(const std::string& directory, Problems& problems) {
  const std::string index_path = in_directory(directory, kIndexFile);
  const auto index = read_index(index_path);
  std::vector<SafetensorsFile> files;
  if (!index) {
    problems.add(index.error());
    return files;
  }
  for (const std::string& name : index->files) {
    const auto path = resolve_shard_path(directory, name, index_path);
    auto file = path ? open_file(*path) : Result<SafetensorsFile>(path.error());
    if (file) {
      files.push_back(*std::move(file));
    } else {
      problems.add(file.error());
    }
  }
  if (files.size() == index->files.size()) {
    compare_with_index(*index, index_path, files, problems);
  }
  return files;
}

std::vector<SafetensorsFile> open_files(const std::string& directory, Problems& problems) {
  const std::string single = in_directory(directory, kSingleFile);
  if (!exists(single) && exists(in_directory(directory, kIndexFile))) {
    return open_shards(directory, problems);
  }
  std::vector<SafetensorsFile> files;
  auto file = open_file(single);
  if (file) {
    files.push_back(*std::move(file));
  } else {
    problems.add(file.error());
  }
  return files;
}

}  // namespace

std::unique_ptr<SafetensorsCheckpoint> open_checkpoint_directory(const std::string& directory,
                                                                 Problems& problems) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    const bool is_file = fs::exists(directory, error);
    problems.add(ErrorCode::kNotFound, "{}: got {}, expected a directory with config.json{}",
                 directory, is_file ? "a file" : "nothing",
                 is_file ? "" : model_name_hint(directory));
    return nullptr;
  }
  const auto config = read_config(in_directory(directory, "config.json"), problems);
  auto files = open_files(directory, problems);
  if (!problems.empty()) return nullptr;
  return SafetensorsCheckpoint::create(*config, std::move(files), directory, problems);
}

Result<std::unique_ptr<WeightSource>> open_checkpoint(const std::string& directory) {
  Problems problems;
  std::unique_ptr<WeightSource> checkpoint = open_checkpoint_directory(directory, problems);
  if (checkpoint == nullptr) return problems.to_error(kMaxListedProblems);
  return checkpoint;
}

Result<std::unique_ptr<WeightSource>> open_checkpoint(const ByteSource& config_json,
                                                      const ByteSource& safetensors) {
  ERNIE_TRY(const ModelConfig config, parse_model_config(config_json.text(), config_json.name()));
  std::vector<SafetensorsFile> files;
  ERNIE_TRY(SafetensorsFile file, SafetensorsFile::open(safetensors));
  files.push_back(std::move(file));
  Problems problems;
  std::unique_ptr<WeightSource> checkpoint =
      SafetensorsCheckpoint::create(config, std::move(files), safetensors.name(), problems);
  if (checkpoint == nullptr) return problems.to_error(kMaxListedProblems);
  return checkpoint;
}

}  // namespace ernie
