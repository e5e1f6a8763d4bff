#pragma once

/// Files for the tests of this folder, put together by hand and not by the code under test.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/test_directory.h"

namespace ernie {

struct StoredTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> dims;
  std::string bytes;
};

/// Eight bytes of length, then both texts.
std::string with_header(std::string_view header, std::string_view data);
/// The tensors in the order given, their bytes one after the other.
std::string make_safetensors(const std::vector<StoredTensor>& tensors);
std::string patterned_bytes(size_t count);

/// tests/golden/<name>
std::string golden_directory(std::string_view name);
std::string read_file(const std::string& path);

/// A JSON object with the fields of `changes` put in; a field whose new value is "<absent>" goes.
std::string changed_json(std::string_view json, std::string_view changes);

/// Shapes small enough to read in a debugger: 2 layers, the second with 2 experts.
std::string small_config();
/// Its tensors with published names, in BF16 and F32, each byte different from its neighbours.
std::vector<StoredTensor> small_tensors();

}  // namespace ernie
