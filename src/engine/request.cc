#include "engine/request.h"

#include "base/check.h"

namespace ernie {

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAbort:
      return "abort";
    case FinishReason::kError:
      return "error";
  }
  ERNIE_CHECK(false, "finish reason {}", static_cast<int>(reason));
}

}  // namespace ernie
