#include "checkpoint/inspect.h"

#include <algorithm>

#include "checkpoint/checkpoint_directory.h"

namespace ernie {
namespace {

void count_entry(const SafetensorsEntry& entry, CheckpointReport& report) {
  auto& counts = report.dtypes;
  auto count = std::find_if(counts.begin(), counts.end(),
                            [&](const auto& one) { return one.dtype == entry.dtype; });
  if (count == counts.end()) count = counts.insert(counts.end(), {entry.dtype});
  ++count->num_tensors;
  count->num_elements += entry.shape.num_elements();
  ++report.num_tensors;
}

CheckpointReport make_report(const SafetensorsCheckpoint& checkpoint) {
  CheckpointReport report;
  report.config = checkpoint.config();
  report.layout = layout_name(checkpoint.layout());
  report.num_files = static_cast<int64_t>(checkpoint.files().size());
  for (const SafetensorsFile& file : checkpoint.files()) {
    report.file_bytes += file.num_bytes();
    for (const SafetensorsEntry& entry : file.entries()) count_entry(entry, report);
  }
  report.num_mtp_tensors = checkpoint.num_ignored(IgnoredKind::kMtp);
  report.num_ignored_tensors = checkpoint.num_ignored(IgnoredKind::kDerivable) +
                               checkpoint.num_ignored(IgnoredKind::kTiedHead);
  report.parameters = count_parameters(report.config);
  report.weight_bytes = weight_bytes(report.config);
  report.kv_bytes_per_token = kv_bytes_per_token(report.config);
  return report;
}

}  // namespace

ParameterCounts count_parameters(const ModelConfig& config) {
  ParameterCounts counts;
  int64_t expert_parameters = 0;
  for (const TensorSpec& tensor : model_tensors(config)) {
    const int64_t size = tensor.shape.num_elements();
    counts.total += size;
    if (tensor.is_expert) expert_parameters += size;
  }
  counts.active = counts.total - expert_parameters;
  if (config.num_experts > 0) {
    counts.active += expert_parameters / config.num_experts * config.experts_per_token;
  }
  // Tied, the one table is the output projection; untied, the embedding is not read as a whole.
  if (!*config.tie_word_embeddings) counts.active -= config.vocab_size * config.hidden_size;
  return counts;
}

int64_t weight_bytes(const ModelConfig& config) {
  int64_t total = 0;
  for (const TensorSpec& tensor : model_tensors(config)) {
    const DType dtype = tensor.is_float32 ? DType::kF32 : config.dtype;
    total += tensor.shape.num_elements() * static_cast<int64_t>(dtype_bytes(dtype));
  }
  return total;
}

int64_t kv_bytes_per_token(const ModelConfig& config) {
  return 2 * config.num_layers * config.kv_size() * static_cast<int64_t>(dtype_bytes(config.dtype));
}

Inspection inspect_checkpoint(const std::string& directory) {
  Problems problems;
  const auto checkpoint = open_checkpoint_directory(directory, problems);
  Inspection inspection;
  if (checkpoint != nullptr) inspection.report = make_report(*checkpoint);
  for (const Error& error : problems.errors()) inspection.problems.push_back(error.message);
  return inspection;
}

}  // namespace ernie
