#include <algorithm>

#include "base/thread_pool.h"
#include "verify/determinism/determinism.h"

namespace ernie::verify::determinism {
namespace {

/// Collects variants that differ from the first one in what a function changes.
/// Without the prefix cache, so that all of them compute everything.
class VariantList {
 public:
  explicit VariantList(const Variant& base) : base_(base) {
    base_.engine.enable_prefix_caching = false;
  }

  template <typename Change>
  Variant& add(report::Text name, std::string settings, const Change& change) {
    Variant variant = base_;
    variant.name = std::move(name);
    variant.settings = std::move(settings);
    variant.arrival = Arrival::kTogether;
    change(variant);
    // Fewer tokens than sequences are not allowed, and the flags may ask for few.
    EngineOptions& engine = variant.engine;
    engine.max_num_batched_tokens = std::max(engine.max_num_batched_tokens, engine.max_num_seqs);
    variants_.push_back(std::move(variant));
    return variants_.back();
  }
  std::vector<Variant> take() { return std::move(variants_); }

 private:
  Variant base_;
  std::vector<Variant> variants_;
};

void add_batches(const DeterminismOptions& options, VariantList& list) {
  list.add({"all at once", "同时提交"}, fmt::format("max-num-seqs={}", options.num_requests),
           [&](Variant& v) { v.engine.max_num_seqs = options.num_requests; });
  for (const int64_t num_seqs : {3, 8}) {
    list.add({"random batches", "随机批次"}, fmt::format("max-num-seqs={}", num_seqs),
             [&](Variant& v) {
               v.engine.max_num_seqs = num_seqs;
               v.arrival = Arrival::kRandom;
             });
  }
}

void add_chunks(VariantList& list) {
  for (const int64_t num_tokens : {7, 33}) {
    list.add({"prompts in chunks", "分块预填充"},
             fmt::format("max-num-seqs=4 max-num-batched-tokens={}", num_tokens), [&](Variant& v) {
               v.engine.max_num_seqs = 4;
               v.engine.max_num_batched_tokens = num_tokens;
             });
  }
}

/// Blocks so small that whatever prefix two requests share has some.
void add_prefix_caches(VariantList& list) {
  const auto use_cache = [](Variant& v) {
    v.engine.enable_prefix_caching = true;
    v.engine.block_size = 2;
  };
  list.add({"prefix cache", "前缀缓存"}, "enable-prefix-caching block-size=2", [&](Variant& v) {
    use_cache(v);
    v.arrival = Arrival::kAlone;
    v.must_reuse = true;
  });
  list.add({"prefix cache, parts of blocks", "前缀缓存，部分块"},
           "enable-prefix-caching block-size=4", [&](Variant& v) {
             use_cache(v);
             v.engine.block_size = 4;
             v.arrival = Arrival::kAlone;
             v.must_reuse = true;
           });
  list.add({"prefix cache, random batches", "前缀缓存，随机批次"},
           "enable-prefix-caching block-size=2 max-num-seqs=3", [&](Variant& v) {
             use_cache(v);
             v.engine.max_num_seqs = 3;
             v.arrival = Arrival::kRandom;
           });
}

void add_machine(const Variant& base, const std::string& device, VariantList& list) {
  std::vector<int> counts{1, 3, available_processors()};
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  for (const int count : counts) {
    list.add({"threads", "线程数"}, fmt::format("threads={}", count),
             [&](Variant& v) { v.backend.num_threads = count; });
  }
  for (const DeviceInfo& info : variants_of(device)) {
    if (info.variant.empty()) continue;
    list.add({"instruction set", "指令集"}, "isa=" + info.variant,
             [&](Variant& v) { v.backend.isa = info.variant; });
  }
  const bool map = !base.backend.map_weights;
  list.add(map ? report::Text("weights in the mapped file", "内存映射权重")
               : report::Text("weights copied", "复制权重"),
           fmt::format("mmap={}", map), [&](Variant& v) { v.backend.map_weights = map; });
}

void add_caches(const DeterminismOptions& options, int64_t token_bytes, VariantList& list) {
  for (const int64_t block_size : {1, 5, 64}) {
    list.add({"block size", "KV 块大小"}, fmt::format("block-size={}", block_size),
             [&](Variant& v) { v.engine.block_size = block_size; });
  }
  // One whole context. The first two requests begin in it together and outgrow it.
  const int64_t num_bytes = options.max_model_len * token_bytes;
  list.add({"preempted", "抢占"}, fmt::format("block-size=1 kv-cache-memory-bytes={}", num_bytes),
           [&](Variant& v) {
             v.engine.block_size = 1;
             v.engine.kv_cache_bytes = num_bytes;
             v.engine.max_num_seqs = 4;
             v.engine.max_num_batched_tokens =
                 std::max(v.engine.max_num_batched_tokens, options.max_model_len);
             v.must_preempt = true;
           });
}

}  // namespace

std::vector<Variant> make_variants(const Variant& base, const std::string& device,
                                   const DeterminismOptions& options, int64_t token_bytes) {
  VariantList list(base);
  list.add({"alone", "逐个运行"}, "", [](Variant& v) { v.arrival = Arrival::kAlone; });
  list.add({"alone, again", "逐个运行（重复）"}, "",
           [](Variant& v) { v.arrival = Arrival::kAlone; });
  add_batches(options, list);
  add_chunks(list);
  add_prefix_caches(list);
  add_machine(base, device, list);
  add_caches(options, token_bytes, list);
  return list.take();
}

}  // namespace ernie::verify::determinism
