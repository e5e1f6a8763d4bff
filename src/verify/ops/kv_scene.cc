#include "verify/ops/kv_scene.h"

#include <algorithm>
#include <cmath>

namespace ernie::verify::ops {
namespace {

constexpr int64_t kNumLayers = 2;
constexpr size_t kTokensPerStore = 512;

int64_t num_blocks_of(int64_t tokens, int64_t block_size) {
  return (tokens + block_size - 1) / block_size;
}

std::vector<int32_t> permutation(int64_t n, Random& random) {
  std::vector<int32_t> order(static_cast<size_t>(n));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[static_cast<size_t>(random.below(static_cast<int64_t>(i)))]);
  }
  return order;
}

}  // namespace

std::string describe(const QkvLayout& layout, int64_t block_size,
                     const std::vector<SceneSequence>& sequences) {
  std::string text = fmt::format("heads {}/{}, dim {}, block {}:", layout.num_heads,
                                 layout.num_kv_heads, layout.head_dim, block_size);
  for (const SceneSequence& s : sequences) {
    text += fmt::format(" {}of{}", s.num_queries, s.context_len);
  }
  return text;
}

int64_t Scene::num_tokens() const { return first_token(sequences.size()); }
int64_t Scene::num_queries() const { return first_query(sequences.size()); }
int64_t Scene::first_token(size_t sequence) const {
  int64_t first = 0;
  for (size_t s = 0; s < sequence; ++s) first += sequences[s].context_len;
  return first;
}
int64_t Scene::first_query(size_t sequence) const {
  int64_t first = 0;
  for (size_t s = 0; s < sequence; ++s) first += sequences[s].num_queries;
  return first;
}

std::vector<SceneQuery> scene_queries(const Scene& scene) {
  std::vector<SceneQuery> queries;
  for (size_t s = 0; s < scene.sequences.size(); ++s) {
    const SceneSequence& sequence = scene.sequences[s];
    for (int64_t i = 0; i < sequence.num_queries; ++i) {
      queries.push_back(
          {s, i, sequence.context_len - (sequence.num_queries - 1 - i), scene.first_query(s) + i});
    }
  }
  return queries;
}

Result<PlacedScene> PlacedScene::place(const Scene& scene, Backend& backend, DType act, DType kv,
                                       int64_t block_size, uint64_t seed) {
  PlacedScene placed(scene, backend, act, block_size);
  Random random(seed);
  ERNIE_TRY_VOID(placed.deal_blocks(random));
  placed.layer_ = random.below(kNumLayers);
  ERNIE_TRY_VOID(placed.store(kv, random.bits()));
  return placed;
}

Result<void> PlacedScene::deal_blocks(Random& random) {
  int64_t used = 0;
  for (const SceneSequence& s : scene_.sequences) {
    used += num_blocks_of(s.context_len, block_size_);
  }
  const int64_t num_blocks = used + 2;
  const std::vector<int32_t> order = permutation(num_blocks, random);
  auto next = order.begin();
  for (const SceneSequence& s : scene_.sequences) {
    const int64_t count = num_blocks_of(s.context_len, block_size_);
    blocks_.emplace_back(next, next + count);
    next += count;
    max_blocks_ = std::max(max_blocks_, count);
  }
  ERNIE_TRY(cache_,
            backend_.allocate_kv_cache({kNumLayers, num_blocks, block_size_,
                                        scene_.layout.num_kv_heads, scene_.layout.head_dim}));
  return {};
}

/// Every slot of both layers gets NaN first; then the tokens, in random order.
Result<void> PlacedScene::store(DType kv, uint64_t seed) {
  Random random(seed);
  std::vector<Entry> all, mine;
  for (int64_t slot = 0; slot < cache_->shape().num_blocks * block_size_; ++slot) {
    all.push_back({-1, static_cast<int32_t>(slot)});
  }
  for (int64_t layer = 0; layer < kNumLayers; ++layer) {
    ERNIE_TRY_VOID(write_all(all, kv, layer));
  }
  for (size_t s = 0; s < scene_.sequences.size(); ++s) {
    for (int64_t i = 0; i < scene_.sequences[s].context_len; ++i) {
      const int64_t block = blocks_[s][static_cast<size_t>(i / block_size_)];
      mine.push_back(
          {scene_.first_token(s) + i, static_cast<int32_t>(block * block_size_ + i % block_size_)});
    }
  }
  const std::vector<int32_t> order = permutation(static_cast<int64_t>(mine.size()), random);
  std::vector<Entry> shuffled;
  for (const int32_t i : order) shuffled.push_back(mine[static_cast<size_t>(i)]);
  return write_all(shuffled, kv, layer_);
}

Result<void> PlacedScene::write_all(std::span<const Entry> entries, DType kv, int64_t layer) {
  for (size_t i = 0; i < entries.size(); i += kTokensPerStore) {
    const size_t count = std::min(entries.size() - i, kTokensPerStore);
    ERNIE_TRY_VOID(write(entries.subspan(i, count), kv, layer));
  }
  return {};
}

Result<void> PlacedScene::write(std::span<const Entry> entries, DType kv, int64_t layer) {
  const QkvLayout& layout = scene_.layout;
  const int64_t width = layout.row_size(), kv_size = scene_.kv_size();
  std::vector<double> rows(entries.size() * static_cast<size_t>(width), NAN);
  std::vector<int32_t> slots;
  for (size_t i = 0; i < entries.size(); ++i) {
    slots.push_back(entries[i].slot);
    if (entries[i].token < 0) continue;
    for (int64_t j = 0; j < kv_size; ++j) {
      const auto from = static_cast<size_t>(entries[i].token * kv_size + j);
      const auto to = i * static_cast<size_t>(width) + static_cast<size_t>(j);
      rows[to + static_cast<size_t>(layout.key_offset())] = round_to(kv, scene_.keys[from]);
      rows[to + static_cast<size_t>(layout.value_offset())] = round_to(kv, scene_.values[from]);
    }
  }
  const auto count = static_cast<int64_t>(entries.size());
  ERNIE_TRY(const Array qkv, upload(backend_, rows, {count, width}, act_));
  ERNIE_TRY(const Array slot_array, upload(backend_, slots, {count}));
  backend_.store_kv(qkv.tensor, layout, slot_array.tensor, *cache_, layer);
  return {};
}

Result<std::vector<double>> PlacedScene::run() const {
  std::vector<Request> requests;
  for (size_t s = 0; s < scene_.sequences.size(); ++s) {
    requests.push_back({s, scene_.sequences[s].context_len, scene_.sequences[s].num_queries,
                        scene_.first_query(s)});
  }
  return run(requests);
}

Result<std::vector<double>> PlacedScene::run(const std::vector<SceneQuery>& queries) const {
  std::vector<Request> requests;
  for (const SceneQuery& q : queries) requests.push_back({q.sequence, q.num_keys, 1, q.row});
  return run(requests);
}

Result<std::vector<double>> PlacedScene::run(const std::vector<Request>& requests) const {
  const auto num_seqs = static_cast<int64_t>(requests.size());
  std::vector<int32_t> query_start{0}, context_lens;
  std::vector<int32_t> tables(static_cast<size_t>(num_seqs * max_blocks_), -1);
  std::vector<double> rows;
  const QkvLayout& layout = scene_.layout;
  int64_t longest = 0;
  for (size_t r = 0; r < requests.size(); ++r) {
    const Request& request = requests[r];
    query_start.push_back(query_start.back() + static_cast<int32_t>(request.num_queries));
    context_lens.push_back(static_cast<int32_t>(request.context_len));
    longest = std::max(longest, request.context_len);
    const std::vector<int32_t>& blocks = blocks_[request.sequence];
    std::copy(blocks.begin(), blocks.end(),
              tables.begin() + static_cast<std::ptrdiff_t>(r) * max_blocks_);
    for (int64_t i = 0; i < request.num_queries; ++i) {
      const auto from = scene_.queries.begin() +
                        static_cast<std::ptrdiff_t>((request.first_query + i) * layout.q_size());
      rows.insert(rows.end(), from, from + static_cast<std::ptrdiff_t>(layout.q_size()));
      // Keys and values of a row are not attention's to read.
      rows.insert(rows.end(), static_cast<size_t>(2 * scene_.kv_size()), NAN);
    }
  }
  const int64_t num_tokens = query_start.back();
  ERNIE_TRY(const Array qkv, upload(backend_, rows, {num_tokens, layout.row_size()}, act_));
  ERNIE_TRY(const Array starts, upload(backend_, query_start, {num_seqs + 1}));
  ERNIE_TRY(const Array lens, upload(backend_, context_lens, {num_seqs}));
  ERNIE_TRY(const Array table_array, upload(backend_, tables, {num_seqs, max_blocks_}));
  ERNIE_TRY(const Array out, poisoned(backend_, {num_tokens, layout.q_size()}, act_));
  backend_.attention(qkv.tensor, layout, *cache_, layer_,
                     {starts.tensor, lens.tensor, table_array.tensor, longest}, out.tensor);
  return download(backend_, out.tensor);
}

}  // namespace ernie::verify::ops
