#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

/// ERNIE_CHECK(condition, "x: got {}", x): aborts with file, line and values when we have made a
/// mistake. Active in every build. Nothing that a user can send or write may reach it.
#define ERNIE_CHECK(condition, ...)                                                       \
  do {                                                                                    \
    if (!(condition)) [[unlikely]]                                                        \
      ::ernie::check_failed(__FILE__, __LINE__, #condition, fmt::format("" __VA_ARGS__)); \
  } while (false)

namespace ernie {

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition,
                                      const std::string& values) {
  std::fprintf(stderr, "%s:%d: check failed: %s %s\n", file, line, condition, values.c_str());
  std::abort();
}

}  // namespace ernie
