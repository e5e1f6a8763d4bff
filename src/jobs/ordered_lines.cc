#include "jobs/ordered_lines.h"

#include <unistd.h>

namespace ernie {

Result<void> OrderedLines::put(int64_t row, std::string line) {
  waiting_.emplace(row, std::move(line));
  while (!waiting_.empty() && waiting_.begin()->first == next_) {
    ERNIE_TRY_VOID(write_first());
    ++next_;
  }
  return {};
}

Result<void> OrderedLines::flush() {
  while (!waiting_.empty()) ERNIE_TRY_VOID(write_first());
  return {};
}

Result<void> OrderedLines::write_first() {
  const auto node = waiting_.extract(waiting_.begin());
  return file_.write_all(node.mapped() + "\n");
}

FileHandle standard_output() { return FileHandle(::dup(STDOUT_FILENO), "<stdout>"); }

}  // namespace ernie
