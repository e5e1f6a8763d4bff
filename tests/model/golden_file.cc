#include "model/golden_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ernie::testing {
namespace {

SafetensorsFile open_or_throw(const std::string& path) {
  auto source = ByteSource::map_file(path);
  if (!source) throw std::runtime_error(source.error().message);
  auto file = SafetensorsFile::open(*std::move(source));
  if (!file) throw std::runtime_error(file.error().message);
  return *std::move(file);
}

}  // namespace

GoldenFile::GoldenFile(const std::string& path) : file_(open_or_throw(path)) {}

Values GoldenFile::values(const std::string& name) const {
  const SafetensorsEntry* entry = file_.find(name);
  if (entry == nullptr) throw std::runtime_error("no recording " + name);
  const std::span<const std::byte> bytes = file_.bytes(*entry);
  const std::vector<std::byte> aligned(bytes.begin(), bytes.end());
  Values values;
  values.rows = entry->shape[0];
  const auto count = static_cast<int64_t>(bytes.size() / dtype_bytes(entry->dtype));
  values.columns = count / values.rows;
  for (int64_t i = 0; i < count; ++i) {
    values.data.push_back(
        entry->dtype == DType::kI32
            ? static_cast<double>(reinterpret_cast<const int32_t*>(aligned.data())[i])
            : static_cast<double>(load_float(entry->dtype, aligned.data(), i)));
  }
  return values;
}

std::vector<int32_t> GoldenFile::ints(const std::string& name) const {
  const Values all = values(name);
  return {all.data.begin(), all.data.end()};
}

Difference compare(const Values& got, const Values& want) {
  if (got.rows != want.rows || got.columns != want.columns) {
    ADD_FAILURE() << "got [" << got.rows << ", " << got.columns << "], expected [" << want.rows
                  << ", " << want.columns << "]";
    return {.max_abs = INFINITY, .range = 1};
  }
  Difference d;
  const auto [low, high] = std::minmax_element(want.data.begin(), want.data.end());
  d.range = *high - *low;
  size_t equal = 0;
  double sum_of_squares = 0;
  for (size_t i = 0; i < want.data.size(); ++i) {
    const double error = std::abs(got.data[i] - want.data[i]);
    // A NaN compares false with everything, so it must not look like no error.
    d.max_abs = error <= d.max_abs ? d.max_abs : (std::isnan(error) ? INFINITY : error);
    sum_of_squares += error * error;
    equal += got.data[i] == want.data[i];
  }
  d.rms = std::sqrt(sum_of_squares / static_cast<double>(want.data.size()));
  d.equal_fraction = static_cast<double>(equal) / static_cast<double>(want.data.size());
  return d;
}

}  // namespace ernie::testing
