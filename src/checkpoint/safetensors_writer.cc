#include "checkpoint/safetensors_writer.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace ernie {
namespace {

namespace json = boost::json;

constexpr size_t kAlignment = 64;

uint64_t num_bytes(const SafetensorsPlan& tensor) {
  return static_cast<uint64_t>(tensor.shape.num_elements()) * dtype_bytes(tensor.dtype);
}

/// The length and the JSON, padded so that the data begins at a multiple of kAlignment.
std::string make_header(std::span<const SafetensorsPlan> tensors,
                        const std::map<std::string, std::string>& metadata) {
  json::object header;
  header.reserve(tensors.size() + 1);
  if (!metadata.empty()) {
    json::object& fields = header["__metadata__"].emplace_object();
    for (const auto& [key, value] : metadata) fields[key] = value;
  }
  uint64_t offset = 0;
  for (const SafetensorsPlan& tensor : tensors) {
    const uint64_t end = offset + num_bytes(tensor);
    const auto dims = tensor.shape.dims();
    header[tensor.name] = {{"dtype", std::string(dtype_name(tensor.dtype))},
                           {"shape", json::array(dims.begin(), dims.end())},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = std::string(8, '\0') + json::serialize(header);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  for (size_t i = 0; i < 8; ++i) text[i] = static_cast<char>((text.size() - 8) >> (8 * i));
  return text;
}

}  // namespace

Result<SafetensorsWriter> SafetensorsWriter::create(
    const std::string& path, std::vector<SafetensorsPlan> tensors,
    const std::map<std::string, std::string>& metadata) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return dtype_bytes(a.dtype) > dtype_bytes(b.dtype);
  });
  ERNIE_TRY(AtomicFile file, AtomicFile::create(path));
  SafetensorsWriter writer(std::move(file));
  writer.tensors_ = std::move(tensors);
  const std::string header = make_header(writer.tensors_, metadata);
  writer.file_bytes_ = header.size();
  for (const SafetensorsPlan& tensor : writer.tensors_) writer.file_bytes_ += num_bytes(tensor);
  ERNIE_TRY_VOID(writer.append(std::as_bytes(std::span(header))));
  return writer;
}

Result<void> SafetensorsWriter::append(std::span<const std::byte> bytes) {
  ERNIE_CHECK(bytes.size() <= file_bytes_ - num_written_, "{} of {} bytes", num_written_,
              file_bytes_);
  ERNIE_TRY_VOID(
      file_.handle().write_all({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  num_written_ += bytes.size();
  return {};
}

void SafetensorsWriter::append_hole() { num_written_ = file_bytes_; }

Result<void> SafetensorsWriter::finish() {
  ERNIE_CHECK(num_written_ == file_bytes_, "{} of {} bytes", num_written_, file_bytes_);
  ERNIE_TRY_VOID(file_.handle().truncate(file_bytes_));
  return file_.commit();
}

}  // namespace ernie
