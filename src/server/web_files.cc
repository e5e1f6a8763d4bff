#include "server/web_files.h"

#include <algorithm>
#include <array>

#define ERNIE_EMBED(symbol, file)                                                              \
  asm(".section .rodata\n.global " #symbol "\n" #symbol ":\n.incbin \"" ERNIE_WEB_DIR "/" file \
      "\"\n" #symbol "_end:\n.byte 0\n.global " #symbol "_end\n.previous\n");                  \
  extern "C" const unsigned char symbol[], symbol##_end[]

ERNIE_EMBED(ernie_web_index, "index.html");
ERNIE_EMBED(ernie_web_style, "style.css");
ERNIE_EMBED(ernie_web_app, "app.js");

namespace ernie {

std::string WebFile::bytes() const {
  return {reinterpret_cast<const char*>(begin), reinterpret_cast<const char*>(end)};
}

const WebFile* find_web_file(std::string_view name) {
  static const std::array<WebFile, 3> kFiles{{
      {"index.html", "text/html; charset=utf-8", ernie_web_index, ernie_web_index_end},
      {"style.css", "text/css; charset=utf-8", ernie_web_style, ernie_web_style_end},
      {"app.js", "text/javascript; charset=utf-8", ernie_web_app, ernie_web_app_end},
  }};
  const auto it = std::ranges::find(kFiles, name, &WebFile::name);
  return it == kFiles.end() ? nullptr : &*it;
}

}  // namespace ernie
