#pragma once

/// Weights from safetensors files, whatever the layout.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkpoint/name_map.h"
#include "checkpoint/problems.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/weight_source.h"

namespace ernie {

class SafetensorsCheckpoint : public WeightSource {
 public:
  /// Finds every tensor of the model in the files and checks shape and dtype. Adds what is missing,
  /// wrong, doubled or unknown to `problems`, and returns null if there is any. `place` stands in
  /// the messages that concern no single file.
  static std::unique_ptr<SafetensorsCheckpoint> create(const ModelConfig& config,
                                                       std::vector<SafetensorsFile> files,
                                                       const std::string& place,
                                                       Problems& problems);

  const ModelConfig& config() const override { return config_; }
  Result<HostMatrix> read(const std::string& name) const override;
  std::string describe() const override;

  Layout layout() const { return layout_; }
  std::span<const SafetensorsFile> files() const { return files_; }
  /// How many stored tensors have been left aside for that reason.
  int64_t num_ignored(IgnoredKind kind) const;

 private:
  /// How to get one tensor of the model.
  struct Recipe {
    const SafetensorsFile* file = nullptr;
    const SafetensorsEntry* entry = nullptr;
    DType dtype = DType::kF32;
    Shape shape;
    int64_t first_element = 0;
    bool is_transposed = false;
  };
  struct Place {
    const SafetensorsFile* file = nullptr;
    const SafetensorsEntry* entry = nullptr;
    bool is_used = false;
  };

  SafetensorsCheckpoint() = default;

  void index_entries(Problems& problems);
  void find_tensors(const std::string& place, Problems& problems);
  void find_tensor(const TensorSpec& tensor, const std::string& place, Problems& problems);
  void account_for_the_rest(Problems& problems);

  ModelConfig config_;
  Layout layout_ = Layout::kHuggingFace;
  std::vector<SafetensorsFile> files_;
  std::unordered_map<std::string_view, Place> places_;  // views of the names in files_
  std::unordered_map<std::string, Recipe> recipes_;
  std::unordered_map<IgnoredKind, int64_t> num_ignored_;
};

}  // namespace ernie
