#include "cli/typed_lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ernie {

TypedLines::Kind TypedLines::next(const Interrupt& interrupt, std::string& line) {
  bool is_too_long = false;
  size_t looked_at = 0;
  while (true) {
    const size_t end = pending_.find('\n', looked_at);
    if (end != std::string::npos) {
      line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return is_too_long ? Kind::kTooLong : Kind::kLine;
    }
    if (pending_.size() > kMaxBytes) {
      is_too_long = true;
      pending_.clear();
    }
    looked_at = pending_.size();
    // A signal between a look at the flag and read() would wait for the next key.
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int num_ready = ::poll(&input, 1, static_cast<int>(kInterruptPoll.count()));
    if (interrupt.raised()) {
      pending_.clear();
      return Kind::kInterrupted;
    }
    if (num_ready <= 0) continue;
    char bytes[1 << 16];
    const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (count > 0) {
      pending_.append(bytes, static_cast<size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      line.swap(pending_);
      pending_.clear();
      if (is_too_long) return Kind::kTooLong;
      return line.empty() ? Kind::kEnd : Kind::kLine;
    }
  }
}

}  // namespace ernie
