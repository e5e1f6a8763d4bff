#pragma once

#include <string>
#include <string_view>

namespace ernie {

/// A file of web/, linked into the program.
struct WebFile {
  std::string_view name;
  std::string_view content_type;
  const unsigned char *begin, *end;
  std::string bytes() const;
};

/// Null if there is none of this name.
const WebFile* find_web_file(std::string_view name);

}  // namespace ernie
