#include "base/output_check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "base/file_handle.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;
using FileId = std::pair<dev_t, ino_t>;

std::optional<struct stat> status_of(const std::string& path) {
  struct stat status {};
  const int failed = path == "-" ? ::fstat(STDIN_FILENO, &status) : ::stat(path.c_str(), &status);
  if (failed != 0) return std::nullopt;
  return status;
}

FileId id_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

void add_file(const std::string& path, std::map<FileId, std::string>& files) {
  const auto status = status_of(path);
  // A terminal or /dev/null may be both.
  if (status && S_ISREG(status->st_mode)) files.emplace(id_of(*status), path);
}

std::map<FileId, std::string> files_of(const std::vector<std::string>& inputs) {
  std::map<FileId, std::string> files;
  for (const std::string& input : inputs) {
    add_file(input, files);
    std::error_code failed;
    for (fs::directory_iterator entry(input, failed); !failed && entry != fs::directory_iterator();
         entry.increment(failed)) {
      add_file(entry->path().string(), files);
    }
  }
  return files;
}

}  // namespace

Result<void> check_outputs(const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs) {
  const auto files = files_of(inputs);
  for (const std::string& output : outputs) {
    if (output.empty() || output == "-") continue;
    for (const std::string& written : {output, output + ".tmp"}) {
      const auto status = status_of(written);
      const auto input = status ? files.find(id_of(*status)) : files.end();
      if (input == files.end()) continue;
      return make_error(ErrorCode::kInvalidArgument,
                        "{}: got a file that this command reads{}, expected another one", written,
                        input->second == written ? "" : " as " + input->second);
    }
  }
  return {};
}

Result<void> check_replaceable(const std::string& output) {
  const auto status = status_of(output);
  if (!status || S_ISREG(status->st_mode)) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: got {}, expected a regular file or none",
                    output, file_kind(status->st_mode));
}

}  // namespace ernie
