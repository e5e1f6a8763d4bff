#include "server/web_files.h"

#include <algorithm>
#include <array>
#include <utility>

// web_files.inc, which CMake writes, has a line ERNIE_WEB_FILE(symbol, name) for each file of web/.
#define ERNIE_WEB_FILE(symbol, file)                                                           \
  asm(".section .rodata\n.global " #symbol "\n" #symbol ":\n.incbin \"" ERNIE_WEB_DIR "/" file \
      "\"\n" #symbol "_end:\n.byte 0\n.global " #symbol "_end\n.previous\n");                  \
  extern "C" const unsigned char symbol[], symbol##_end[];
#include "server/web_files.inc"
#undef ERNIE_WEB_FILE

namespace ernie {
namespace {

constexpr std::string_view content_type_of(std::string_view name) {
  using Pair = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Pair, 4> kTypes{{{".html", "text/html; charset=utf-8"},
                                        {".css", "text/css; charset=utf-8"},
                                        {".js", "text/javascript; charset=utf-8"},
                                        {".svg", "image/svg+xml"}}};
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

}  // namespace

std::string WebFile::bytes() const {
  return {reinterpret_cast<const char*>(begin), reinterpret_cast<const char*>(end)};
}

const WebFile* find_web_file(std::string_view name) {
#define ERNIE_WEB_FILE(symbol, file) WebFile{file, content_type_of(file), symbol, symbol##_end},
  static const auto kFiles = std::to_array<WebFile>({
#include "server/web_files.inc"
  });
#undef ERNIE_WEB_FILE
  const auto it = std::ranges::find(kFiles, name, &WebFile::name);
  return it == kFiles.end() ? nullptr : &*it;
}

}  // namespace ernie
