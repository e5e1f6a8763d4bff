#pragma once

/// What happens when a mapped file becomes shorter under its reader: the system sends SIGBUS.

#include <cstddef>
#include <span>
#include <string>

namespace ernie {

/// From now on, touching a mapped page that its file has lost ends the program with exit code 2 and
/// the line "ernie: FILE: it became shorter while it was in use". What was computed up to then is
/// not printed: it may come of the file's new bytes. Any other SIGBUS does what it always does.
void install_mapping_guard();

/// Names a mapping for that line, from construction to destruction. Of more than a thousand at a
/// time the later ones have no name. Safe for several threads.
class GuardedMapping {
 public:
  GuardedMapping(std::span<const std::byte> memory, std::string path);
  ~GuardedMapping();
  GuardedMapping(const GuardedMapping&) = delete;
  GuardedMapping& operator=(const GuardedMapping&) = delete;

 private:
  const std::string path_;
  int place_ = -1;
};

}  // namespace ernie
