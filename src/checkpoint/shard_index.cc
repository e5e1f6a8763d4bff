#include "checkpoint/shard_index.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <filesystem>

#include "checkpoint/problems.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 10'000;

bool stays_inside(std::string_view file) {
  if (file.empty() || file.find('\0') != std::string_view::npos) return false;
  const fs::path path(file);
  return path.is_relative() && path.has_filename() &&
         std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
}

bool is_below(const fs::path& path, const fs::path& directory) {
  const auto [end, rest] =
      std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end();
}

bool is_allowed(const fs::path& target, const fs::path& directory) {
  if (is_below(target, directory)) return true;
  const fs::path parent = directory.parent_path();
  return parent.filename() == "snapshots" && is_below(target, parent.parent_path() / "blobs");
}

}  // namespace

Result<ShardIndex> parse_shard_index(std::string_view text, const std::string& name) {
  ERNIE_TRY(const json::object object, parse_json_object(text, name));
  const json::value* map = object.if_contains("weight_map");
  if (map == nullptr || !map->is_object() || map->get_object().empty()) {
    return make_error(ErrorCode::kCorruptData, "{}: weight_map: got {}, expected tensors and files",
                      name, map == nullptr ? "nothing" : brief(*map));
  }
  std::unordered_map<std::string, size_t> file_index;
  std::vector<std::pair<std::string, std::string>> places;  // tensor, file
  for (const auto& field : map->get_object()) {
    const std::string tensor(field.key());
    const json::string* file = field.value().if_string();
    if (file == nullptr || !stays_inside({file->data(), file->size()})) {
      return make_error(ErrorCode::kCorruptData,
                        "{}: tensor \"{}\": got {}, expected a file inside the directory", name,
                        printable(tensor), brief(field.value()));
    }
    places.emplace_back(tensor, std::string(*file));
    file_index.emplace(places.back().second, 0);
  }
  if (file_index.size() > kMaxFiles) {
    return make_error(ErrorCode::kCorruptData, "{}: got {} files, expected at most {}", name,
                      file_index.size(), kMaxFiles);
  }
  ShardIndex index;
  for (const auto& entry : file_index) index.files.push_back(entry.first);
  std::sort(index.files.begin(), index.files.end());
  for (size_t i = 0; i < index.files.size(); ++i) file_index[index.files[i]] = i;
  for (auto& [tensor, file] : places) index.file_of_tensor.emplace(tensor, file_index.at(file));
  return index;
}

Result<std::string> resolve_shard_path(const std::string& directory, const std::string& file,
                                       const std::string& index_name) {
  const fs::path path = fs::path(directory) / file;
  std::error_code error;
  const fs::path real_directory = fs::canonical(directory, error);
  const fs::path target = error ? fs::path() : fs::canonical(path, error);
  if (error) {
    return make_error(ErrorCode::kNotFound, "{}: cannot open: {}", path.string(), error.message());
  }
  if (!stays_inside(file) || !is_allowed(target, real_directory)) {
    return make_error(ErrorCode::kCorruptData, "{}: got the file \"{}\", expected one inside {}",
                      index_name, printable(file), directory);
  }
  return path.string();
}

}  // namespace ernie
