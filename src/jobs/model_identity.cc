#include "jobs/model_identity.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <functional>
#include <string_view>
#include <vector>

#include "receipt/model_manifest.h"

namespace ernie {
namespace {

constexpr size_t kSampleBytes = 4096;
constexpr size_t kWholeBytes = size_t{1} << 16;
/// Of tensors that are converted to be read, which takes all their bytes, only each of so many.
constexpr size_t kConvertedStep = 16;

class Checksum {
 public:
  void add(const void* data, size_t num_bytes) { crc_.process_bytes(data, num_bytes); }
  void add(std::string_view text) {
    const uint64_t size = text.size();
    add(&size, sizeof size);
    add(text.data(), text.size());
  }
  uint64_t value() const { return crc_.checksum(); }

 private:
  boost::crc_optimal<64, 0x42F0E1EBA9EA3693, ~uint64_t{0}, ~uint64_t{0}, false, false> crc_;
};

/// Rows of about kSampleBytes, beginning with row `begin`.
Result<void> add_rows(const HostMatrix& matrix, int64_t begin, std::vector<std::byte>& buffer,
                      Checksum& checksum) {
  const auto num_rows =
      static_cast<int64_t>(kSampleBytes / std::max<size_t>(matrix.row_bytes(), 1));
  const int64_t end = std::min(begin + std::max<int64_t>(num_rows, 1), matrix.num_rows());
  buffer.resize(static_cast<size_t>(end - begin) * matrix.row_bytes());
  ERNIE_TRY_VOID(matrix.read_rows(begin, end, buffer.data()));
  checksum.add(buffer.data(), buffer.size());
  return {};
}

/// Whether reading a matrix makes a copy, as of one that is stored transposed.
Result<bool> converts(const WeightSource& weights) {
  ERNIE_TRY(const HostMatrix matrix, weights.read("model.layers.0.self_attn.q_proj.weight"));
  return !matrix.is_in_file() && matrix.owner() != nullptr;
}

/// Where the first sample of a tensor begins: elsewhere in each, so that the same columns of many
/// are not all that is seen.
int64_t first_row(const std::string& name, int64_t num_rows) {
  Checksum of_name;
  of_name.add(name);
  return static_cast<int64_t>(of_name.value() % static_cast<uint64_t>(num_rows));
}

}  // namespace

Result<std::string> model_checksum(const WeightSource& weights, const Tokenizer* tokenizer,
                                   bool has_samples) {
  Checksum checksum;
  checksum.add(to_json(weights.config()));
  if (tokenizer != nullptr) {
    const Digest digest = digest_tokenizer(*tokenizer);
    checksum.add(digest.data(), digest.size());
  }
  std::vector<std::byte> buffer;
  ERNIE_TRY(const bool is_converted, has_samples ? converts(weights) : Result<bool>(false));
  size_t index = 0;
  for (const TensorSpec& spec : model_tensors(weights.config())) {
    if (!has_samples) break;
    if (is_converted && index++ % kConvertedStep != 0) continue;
    ERNIE_TRY(const HostMatrix matrix, weights.read(spec.name));
    checksum.add(spec.name);
    if (matrix.num_bytes() <= kWholeBytes) {
      buffer.resize(matrix.num_bytes());
      ERNIE_TRY_VOID(matrix.read_rows(0, matrix.num_rows(), buffer.data()));
      checksum.add(buffer.data(), buffer.size());
      continue;
    }
    const int64_t first = first_row(spec.name, matrix.num_rows());
    ERNIE_TRY_VOID(add_rows(matrix, first, buffer, checksum));
    const int64_t second = (first + matrix.num_rows() / 2) % matrix.num_rows();
    ERNIE_TRY_VOID(add_rows(matrix, second, buffer, checksum));
  }
  return fmt::format("{:016x}", checksum.value());
}

}  // namespace ernie
