#include "base/system_error.h"

#include <cerrno>
#include <cstring>

namespace ernie {

Error system_error(std::string_view action, const std::string& path) {
  const int error = errno;
  const ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return make_error(code, "{}: cannot {}: {}", path, action, std::strerror(error));
}

}  // namespace ernie
