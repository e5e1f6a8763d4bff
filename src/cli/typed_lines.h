#pragma once

#include <cstdint>
#include <string>

#include "jobs/interrupt.h"

namespace ernie {

/// Lines from standard input as a person types them. Unlike std::getline() it tells when a signal
/// came. One at a time: bytes behind a line wait here.
class TypedLines {
 public:
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  enum class Kind : uint8_t {
    kLine,
    kEnd,          ///< no more lines
    kInterrupted,  ///< a signal; what was typed so far is forgotten
    kTooLong,      ///< the line was, and is left out
  };

  /// Waits for the next line, without its end. The last one may have none.
  Kind next(const Interrupt& interrupt, std::string& line);

 private:
  std::string pending_;
};

}  // namespace ernie
