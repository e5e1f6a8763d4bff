#pragma once

#include <functional>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "grammar/grammar.h"

namespace ernie {

/// Compiled grammars by the text they were made from, the most recently used ones. Thread-safe.
class GrammarCache {
 public:
  struct Limits {
    size_t max_entries = 256;
    size_t max_bytes = size_t{64} << 20;  ///< of grammars and keys; one grammar always fits
  };
  struct Counters {
    uint64_t num_hits = 0, num_misses = 0;
    size_t num_entries = 0, num_bytes = 0;
  };
  using Compile = std::function<Result<GrammarPtr>()>;

  GrammarCache() = default;
  explicit GrammarCache(const Limits& limits) : limits_(limits) {}

  /// What `compile` returns, or returned before for this key. Requests for one key at the same time
  /// compile once: the others wait. Errors are not kept. `compile` must not throw nor use the
  /// cache.
  Result<GrammarPtr> get(const std::string& key, const Compile& compile);
  Counters counters() const;

 private:
  struct Entry {
    std::string key;
    GrammarPtr grammar;
    size_t num_bytes;
  };
  GrammarPtr find(const std::string& key);
  void insert(const std::string& key, const GrammarPtr& grammar);

  Limits limits_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::map<std::string, std::list<Entry>::iterator> by_key_;
  std::map<std::string, std::shared_future<Result<GrammarPtr>>> compiling_;
  Counters counters_;
};

}  // namespace ernie
