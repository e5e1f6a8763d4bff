#include "checkpoint/safetensors_checkpoint.h"

#include <algorithm>
#include <cstring>

namespace ernie {
namespace {

/// What a stored element is, or nothing if it cannot be a weight. Paddle has no name for bfloat16
/// in such files and calls its bits U16.
std::optional<DType> weight_dtype(DType stored, Layout layout) {
  if (stored == DType::kF32 || stored == DType::kBF16 || stored == DType::kF16) return stored;
  if (stored == DType::kU16 && layout == Layout::kPaddle) return DType::kBF16;
  return std::nullopt;
}

/// target [rows, columns] = transpose of `rows` columns of a matrix with `stride` elements a row.
/// In squares, so that both sides stay in cache; by bytes, as a file promises no alignment.
template <size_t kBytes>
void transpose(const std::byte* source, int64_t stride, int64_t rows, int64_t columns,
               std::byte* target) {
  constexpr int64_t kSquare = 32;
  for (int64_t r0 = 0; r0 < rows; r0 += kSquare) {
    const int64_t r1 = std::min(rows, r0 + kSquare);
    for (int64_t c0 = 0; c0 < columns; c0 += kSquare) {
      const int64_t c1 = std::min(columns, c0 + kSquare);
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) {
          std::memcpy(target + (r * columns + c) * int64_t{kBytes},
                      source + (c * stride + r) * int64_t{kBytes}, kBytes);
        }
      }
    }
  }
}

std::string other_name(std::span<const StoredForm> forms) {
  for (const StoredForm& form : forms) {
    if (form.name != forms.front().name) {
      return fmt::format(", or \"{}\" {}", form.name, to_string(form.shape));
    }
  }
  return {};
}

bool is_aligned(const std::byte* data, size_t alignment) {
  return reinterpret_cast<uintptr_t>(data) % alignment == 0;
}

}  // namespace

std::unique_ptr<SafetensorsCheckpoint> SafetensorsCheckpoint::create(
    const ModelConfig& config, std::vector<SafetensorsFile> files, const std::string& place,
    Problems& problems) {
  std::unique_ptr<SafetensorsCheckpoint> checkpoint(new SafetensorsCheckpoint);
  checkpoint->config_ = config;
  checkpoint->files_ = std::move(files);
  const size_t num_before = problems.errors().size();
  checkpoint->index_entries(problems);
  checkpoint->find_tensors(place, problems);
  checkpoint->account_for_the_rest(problems);
  if (problems.errors().size() > num_before) return nullptr;
  return checkpoint;
}

void SafetensorsCheckpoint::index_entries(Problems& problems) {
  for (const SafetensorsFile& file : files_) {
    for (const SafetensorsEntry& entry : file.entries()) {
      const auto [found, is_new] = places_.try_emplace(entry.name, Place{&file, &entry});
      if (!is_new) {
        problems.add(ErrorCode::kCorruptData,
                     "{}: tensor \"{}\": got it in {} as well, expected it in one file",
                     file.name(), printable(entry.name), found->second.file->name());
      }
      if (entry.name.starts_with("ernie.")) layout_ = Layout::kPaddle;
    }
  }
}

void SafetensorsCheckpoint::find_tensors(const std::string& place, Problems& problems) {
  if (!config_.tie_word_embeddings) {
    config_.tie_word_embeddings = !places_.contains("lm_head.weight");
  }
  for (const TensorSpec& tensor : model_tensors(config_)) find_tensor(tensor, place, problems);
}

void SafetensorsCheckpoint::find_tensor(const TensorSpec& tensor, const std::string& place,
                                        Problems& problems) {
  const auto forms = stored_forms(tensor, config_, layout_);
  Place* found = nullptr;
  const StoredForm* form = nullptr;
  for (const StoredForm& candidate : forms) {
    const auto at = places_.find(candidate.name);
    if (at == places_.end()) continue;
    const bool fits = at->second.entry->shape == candidate.shape;
    if (found == nullptr || fits) {
      found = &at->second;
      form = &candidate;
    }
    if (fits) break;
  }
  if (found == nullptr) {
    problems.add(ErrorCode::kCorruptData, "{}: tensor \"{}\": got nothing, expected {}{}", place,
                 forms.front().name, to_string(forms.front().shape), other_name(forms));
    return;
  }
  // One stored tensor may hold many of ours: complain about it once.
  const bool is_first = !std::exchange(found->is_used, true);
  const SafetensorsEntry& entry = *found->entry;
  const auto dtype = weight_dtype(entry.dtype, layout_);
  if (entry.shape != form->shape) {
    if (is_first) {
      problems.add(ErrorCode::kCorruptData, "{}: tensor \"{}\": shape: got {}, expected {}",
                   found->file->name(), entry.name, to_string(entry.shape), to_string(form->shape));
    }
  } else if (!dtype) {
    if (is_first) {
      problems.add(ErrorCode::kUnsupported,
                   "{}: tensor \"{}\": dtype: got {}, expected F32, BF16 or F16",
                   found->file->name(), entry.name, dtype_name(entry.dtype));
    }
  } else {
    recipes_.emplace(tensor.name, Recipe{found->file, found->entry, *dtype, tensor.shape,
                                         form->first_element, form->is_transposed});
  }
}

void SafetensorsCheckpoint::account_for_the_rest(Problems& problems) {
  for (const SafetensorsFile& file : files_) {
    for (const SafetensorsEntry& entry : file.entries()) {
      if (places_.at(entry.name).is_used) continue;
      const IgnoredKind kind = ignored_kind(entry.name, config_);
      if (kind == IgnoredKind::kNone) {
        problems.add(ErrorCode::kUnsupported,
                     "{}: tensor \"{}\": got {}, expected no tensor of that name", file.name(),
                     printable(entry.name), to_string(entry.shape));
      }
      ++num_ignored_[kind];
    }
  }
}

Result<HostMatrix> SafetensorsCheckpoint::read(const std::string& name) const {
  const auto found = recipes_.find(name);
  if (found == recipes_.end()) {
    return make_error(ErrorCode::kNotFound, "{}: got a request for it, expected a tensor's name",
                      printable(name));
  }
  const Recipe& recipe = found->second;
  const auto matrix = [&recipe](const std::byte* data, std::shared_ptr<const void> owner,
                                std::optional<FileOrigin> origin) {
    const int64_t columns = recipe.shape[recipe.shape.rank() - 1];
    const int64_t rows = columns == 0 ? 0 : recipe.shape.num_elements() / columns;
    return HostMatrix(format_of(recipe.dtype).value(), rows, columns, data, std::move(owner),
                      std::move(origin));
  };
  const size_t element_bytes = dtype_bytes(recipe.dtype);
  const auto offset = static_cast<size_t>(recipe.first_element) * element_bytes;
  const std::byte* source = recipe.file->bytes(*recipe.entry).data() + offset;
  if (!recipe.is_transposed && is_aligned(source, element_bytes)) {
    return matrix(source, recipe.file->owner(), recipe.file->origin_of(source));
  }
  const size_t num_bytes = static_cast<size_t>(recipe.shape.num_elements()) * element_bytes;
  const std::shared_ptr<std::byte> memory = allocate_aligned(num_bytes);
  if (memory == nullptr) {
    return make_error(ErrorCode::kOutOfMemory, "{}: got no memory, expected {} bytes", name,
                      num_bytes);
  }
  if (!recipe.is_transposed) {
    std::memcpy(memory.get(), source, num_bytes);
  } else {
    const auto copy = element_bytes == 2 ? transpose<2> : transpose<4>;
    copy(source, recipe.entry->shape[1], recipe.shape[0], recipe.shape[1], memory.get());
  }
  return matrix(memory.get(), memory, std::nullopt);
}

std::string SafetensorsCheckpoint::describe() const {
  uint64_t num_bytes = 0;
  for (const SafetensorsFile& file : files_) num_bytes += file.num_bytes();
  std::string text = fmt::format("{} layout, {} file{}, {} tensors, {:.2f} GB",
                                 layout_name(layout_), files_.size(), files_.size() == 1 ? "" : "s",
                                 places_.size(), static_cast<double>(num_bytes) * 1e-9);
  if (const int64_t num_mtp = num_ignored(IgnoredKind::kMtp); num_mtp > 0) {
    text += fmt::format(", {} MTP tensors left aside", num_mtp);
  }
  return text;
}

int64_t SafetensorsCheckpoint::num_ignored(IgnoredKind kind) const {
  const auto found = num_ignored_.find(kind);
  return found == num_ignored_.end() ? 0 : found->second;
}

}  // namespace ernie
