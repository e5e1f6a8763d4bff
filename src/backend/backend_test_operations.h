#pragma once

/// For tests: the operations of backend.h, read from the header itself, so that none can be added
/// that is not verified and measured.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace ernie {

/// In the order of the header.
inline std::vector<std::string> interface_operations() {
  std::stringstream text;
  text << std::ifstream(ERNIE_SOURCE_DIR "/src/backend/backend.h").rdbuf();
  const std::string header = text.str(), declaration = "\n  void ";
  std::vector<std::string> names;
  size_t at = header.find("// ---- Operations");
  while ((at = header.find(declaration, at)) != std::string::npos) {
    at += declaration.size();
    names.push_back(header.substr(at, header.find('(', at) - at));
  }
  EXPECT_GE(names.size(), 12u) << "backend.h is written in another way";
  return names;
}

}  // namespace ernie
