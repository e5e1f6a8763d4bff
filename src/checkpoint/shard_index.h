#pragma once

/// model.safetensors.index.json: which file of a directory holds which tensor.

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace ernie {

struct ShardIndex {
  std::vector<std::string> files;                          ///< file names, sorted, each once
  std::unordered_map<std::string, size_t> file_of_tensor;  ///< tensor name -> index into `files`
};

/// Reads {"weight_map": {tensor: file, …}, …}. File names that are absolute, or leave the directory
/// by "..", are errors. `name` stands in the messages.
Result<ShardIndex> parse_shard_index(std::string_view text, const std::string& name);

/// The path of `file` in `directory`, after a look at the file system: a link must not lead out of
/// the directory. The one exception is the hub's download cache, where snapshots/<revision>/ holds
/// links into the blobs/ beside snapshots/. `index_name` stands in the messages.
Result<std::string> resolve_shard_path(const std::string& directory, const std::string& file,
                                       const std::string& index_name);

}  // namespace ernie
