#include "grammar/grammar_cache.h"

#include "grammar/compiled_grammar.h"

namespace ernie {

GrammarPtr GrammarCache::find(const std::string& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it->second);
  return it->second->grammar;
}

void GrammarCache::insert(const std::string& key, const GrammarPtr& grammar) {
  entries_.push_front({key, grammar, grammar->num_bytes() + 2 * key.size() + sizeof(Entry)});
  by_key_[key] = entries_.begin();
  counters_.num_bytes += entries_.front().num_bytes;
  while (entries_.size() > 1 &&
         (entries_.size() > limits_.max_entries || counters_.num_bytes > limits_.max_bytes)) {
    counters_.num_bytes -= entries_.back().num_bytes;
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

Result<GrammarPtr> GrammarCache::get(const std::string& key, const Compile& compile) {
  std::promise<Result<GrammarPtr>> promise;
  std::shared_future<Result<GrammarPtr>> other;
  {
    const std::scoped_lock lock(mutex_);
    if (GrammarPtr found = find(key)) {
      ++counters_.num_hits;
      return found;
    }
    const auto [it, is_first] = compiling_.try_emplace(key);
    if (is_first) {
      it->second = promise.get_future().share();
      ++counters_.num_misses;
    } else {
      other = it->second;
      ++counters_.num_hits;
    }
  }
  if (other.valid()) return other.get();
  const Result<GrammarPtr> compiled = compile();
  {
    const std::scoped_lock lock(mutex_);
    compiling_.erase(key);
    if (compiled) insert(key, *compiled);
  }
  promise.set_value(compiled);
  return compiled;
}

GrammarCache::Counters GrammarCache::counters() const {
  const std::scoped_lock lock(mutex_);
  Counters counters = counters_;
  counters.num_entries = entries_.size();
  return counters;
}

}  // namespace ernie
