#include "checkpoint/problems.h"

#include <algorithm>

#include "base/check.h"

namespace ernie {

Error Problems::to_error(size_t max_listed) const {
  ERNIE_CHECK(!errors_.empty());
  Error result = errors_.front();
  const size_t num_listed = std::min(errors_.size(), std::max<size_t>(max_listed, 1));
  for (size_t i = 1; i < num_listed; ++i) result.message += "; " + errors_[i].message;
  if (num_listed < errors_.size()) {
    result.message += fmt::format("; and {} more", errors_.size() - num_listed);
  }
  const auto other = std::find_if(errors_.begin(), errors_.end(), [](const Error& error) {
    return error.code != ErrorCode::kUnsupported;
  });
  if (other != errors_.end()) result.code = other->code;
  return result;
}

std::string printable(std::string_view text) {
  constexpr size_t kMaxBytes = 120;
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool continues_character = (byte & 0xc0u) == 0x80u;
    if (i >= kMaxBytes && !continues_character) return result + "…";
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace ernie
