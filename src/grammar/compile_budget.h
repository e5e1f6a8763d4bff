#pragma once

#include "base/result.h"
#include "grammar/grammar.h"

namespace ernie {

/// What is left of the work that one compilation may do.
class CompileBudget {
 public:
  explicit CompileBudget(const GrammarLimits& limits) : limits_(limits) {}

  const GrammarLimits& limits() const { return limits_; }
  /// False when it is used up; then it stays so.
  [[nodiscard]] bool spend(size_t work) {
    if (work > limits_.max_work - used_) {
      used_ = limits_.max_work;
      return false;
    }
    used_ += work;
    return true;
  }
  bool exhausted() const { return used_ >= limits_.max_work; }

 private:
  GrammarLimits limits_;
  size_t used_ = 0;
};

inline Error too_complex(std::string_view place) {
  return make_error(ErrorCode::kInvalidArgument,
                    "{}: too complex, expected something that compiles within the limits", place);
}

}  // namespace ernie
