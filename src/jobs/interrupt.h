#pragma once

#include <chrono>

namespace ernie {

/// A signal does not end a wait for the engine: this is how long one may go unnoticed.
inline constexpr std::chrono::milliseconds kInterruptPoll{50};
/// Every command ends within a second of the signal.
inline constexpr std::chrono::milliseconds kInterruptPatience{800};

/// Ctrl-C and SIGTERM as a flag. While an Interrupt exists, the first signal raises it and gives
/// the signals their default meaning back, so that the second one ends the program at once. A
/// program that has not ended on its own after kInterruptPatience, because it loads a model or
/// computes a long step, is ended there, with the exit code and a line. One at a time; handlers are
/// restored when it ends.
class Interrupt {
 public:
  /// What Ctrl-C is for: to end the program, or only what it does at the moment, which may take
  /// longer.
  enum class CtrlC { kEndsProgram, kEndsAnswer };

  explicit Interrupt(CtrlC ctrl_c = CtrlC::kEndsProgram);
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
