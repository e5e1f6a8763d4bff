#pragma once

#include <string>
#include <vector>

namespace ernie {

/// What a command's manual says beyond its declaration.
struct CommandNotes {
  struct Entry {
    std::string what, text;
  };
  std::vector<Entry> exits;     ///< "1", when that is the exit status
  std::vector<Entry> examples;  ///< a command line, and what it does
};

/// Of "ernie bench serve", for instance. Examples are empty if there is no such command.
CommandNotes notes_of(const std::string& command);

}  // namespace ernie
