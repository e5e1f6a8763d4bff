#include "checkpoint/safetensors_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace ernie {
namespace {

namespace json = boost::json;

constexpr size_t kAlignment = 64;

Error system_error(std::string_view action, const std::string& path) {
  return make_error(ErrorCode::kIo, "{}: cannot {}: {}", path, action, std::strerror(errno));
}

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

SafetensorsWriter::SafetensorsWriter(SafetensorsWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      tensors_(std::move(other.tensors_)),
      num_written_(other.num_written_),
      file_bytes_(other.file_bytes_) {}

SafetensorsWriter::~SafetensorsWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Result<SafetensorsWriter> SafetensorsWriter::create(
    const std::string& path, std::vector<SafetensorsPlan> tensors,
    const std::map<std::string, std::string>& metadata) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return dtype_bytes(a.dtype) > dtype_bytes(b.dtype);
  });
  SafetensorsWriter writer;
  writer.path_ = path;
  writer.temporary_ = fmt::format("{}.{}.tmp", path, ::getpid());
  writer.tensors_ = std::move(tensors);
  const std::string header = make_header(writer.tensors_, metadata);
  writer.file_bytes_ = header.size();
  for (const SafetensorsPlan& tensor : writer.tensors_) writer.file_bytes_ += num_bytes(tensor);
  writer.fd_ = ::open(writer.temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (writer.fd_ < 0) return system_error("create", writer.temporary_);
  ERNIE_TRY_VOID(writer.append(std::as_bytes(std::span(header))));
  return writer;
}

Result<void> SafetensorsWriter::append(std::span<const std::byte> bytes) {
  ERNIE_CHECK(bytes.size() <= file_bytes_ - num_written_, "{} of {} bytes", num_written_,
              file_bytes_);
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", temporary_);
    bytes = bytes.subspan(static_cast<size_t>(written));
    num_written_ += static_cast<uint64_t>(written);
  }
  return {};
}

void SafetensorsWriter::append_hole() { num_written_ = file_bytes_; }

Result<void> SafetensorsWriter::finish() {
  ERNIE_CHECK(num_written_ == file_bytes_, "{} of {} bytes", num_written_, file_bytes_);
  if (::ftruncate(fd_, static_cast<off_t>(file_bytes_)) != 0 || ::fsync(fd_) != 0) {
    return system_error("finish", temporary_);
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return system_error("rename the finished file to", path_);
  }
  ::close(std::exchange(fd_, -1));
  const auto parent = std::filesystem::path(path_).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory_fd >= 0 && ::fsync(directory_fd) == 0;
  if (directory_fd >= 0) ::close(directory_fd);
  if (!synced) return system_error("sync", directory);
  return {};
}

}  // namespace ernie
