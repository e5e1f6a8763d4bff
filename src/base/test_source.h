#pragma once

/// For tests: a file that is only in memory.

#include <list>
#include <mutex>
#include <string>

#include "base/file.h"

namespace ernie {

/// Keeps the bytes until the program ends.
inline ByteSource kept_source(std::string name, std::string bytes) {
  static std::mutex mutex;
  static std::list<std::string> kept;
  const std::scoped_lock lock(mutex);
  const std::string& own = kept.emplace_back(std::move(bytes));
  return ByteSource::from_static(std::move(name), std::as_bytes(std::span(own.data(), own.size())));
}

}  // namespace ernie
