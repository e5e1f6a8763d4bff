#pragma once

#include <chrono>

namespace ernie {

/// A signal does not end a wait for the engine: this is how long one may go unnoticed.
inline constexpr std::chrono::milliseconds kInterruptPoll{50};

/// Ctrl-C and SIGTERM as a flag. While an Interrupt exists, the first signal raises it and gives
/// the signals their default meaning back, so that the second one ends the program at once. One at
/// a time; handlers are restored when it ends.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool raised() const;
  /// As after construction: the signal that came has been dealt with.
  void reset();
  /// 128 and the signal's number: 130 after Ctrl-C.
  int exit_code() const;
};

}  // namespace ernie
