// attention of host_kernels.h.

#include <algorithm>
#include <cmath>

#include "verify/error_budget.h"
#include "verify/faults/host_kernels.h"

namespace ernie::verify::host {
namespace {

struct Query {
  const double* values;
  int64_t sequence;
  int64_t num_keys;     // that it should see
  int64_t context_len;  // of its sequence
};

/// The slots that a query looks at, in order.
std::vector<int64_t> slots_of(const Query& query, const Context& context, const HostBatch& batch,
                              Quirk quirk) {
  const int64_t size = context.shape.block_size, num_blocks = context.shape.num_blocks;
  int64_t begin = 0, end = query.num_keys;
  if (quirk == Quirk::kLastKeyDropped && end > 1) --end;
  if (quirk == Quirk::kSinkDropped && end > 1) ++begin;
  if (quirk == Quirk::kFutureKey) end = std::min(end + 1, query.context_len);
  if (quirk == Quirk::kStaleKey && end % size != 0) ++end;
  std::vector<int64_t> slots;
  for (int64_t n = begin; n < end; ++n) {
    int64_t block =
        batch.block_tables[static_cast<size_t>(query.sequence * batch.max_blocks + n / size)];
    if (quirk == Quirk::kWrongBlock && n / size == 0) block = (block + 1) % num_blocks;
    slots.push_back(block * size + n % size);
  }
  return slots;
}

Values probabilities(const Query& query, const std::vector<int64_t>& slots, const Context& context,
                     int64_t kv_head, const Mode& mode) {
  const auto dim = static_cast<size_t>(context.shape.head_dim);
  const double scale =
      (mode.quirk == Quirk::kScaleOff ? 1.02 : 1) / std::sqrt(static_cast<double>(dim));
  Values p;
  for (const int64_t slot : slots) {
    const std::span<const double> key = context.key(slot, kv_head);
    double sum = 0;
    for (size_t i = 0; i < dim; ++i) sum += query.values[i] * key[i];
    p.push_back(round_to(mode.act, round_to(mode.act, sum) * scale));
  }
  const bool shifted = mode.quirk != Quirk::kNoMaximum;
  const double max = shifted ? *std::max_element(p.begin(), p.end()) : 0;
  double total = 0;
  for (double& x : p) {
    x = std::exp(x - max);
    if (!shifted) x = round_to(DType::kF32, x);
    total += x;
  }
  for (double& x : p) {
    x = round_to(mode.quirk == Quirk::kBf16Probabilities ? DType::kBF16 : mode.act, x / total);
  }
  return p;
}

Values attend(const Query& query, int64_t kv_head, const Context& context, const HostBatch& batch,
              const Mode& mode) {
  const std::vector<int64_t> slots = slots_of(query, context, batch, mode.quirk);
  const Values p = probabilities(query, slots, context, kv_head, mode);
  Values out(static_cast<size_t>(context.shape.head_dim));
  for (size_t n = 0; n < slots.size(); ++n) {
    const std::span<const double> value = context.value(slots[n], kv_head);
    for (size_t i = 0; i < out.size(); ++i) out[i] += p[n] * value[i];
  }
  for (double& x : out) x = mode.quirk == Quirk::kZeros ? 0 : round_to(mode.act, x);
  return out;
}

}  // namespace

Values attention(const Values& qkv, const QkvLayout& layout, const Context& context,
                 const HostBatch& batch, const Mode& mode) {
  Values out;
  const int64_t group = layout.num_heads / layout.num_kv_heads;
  for (size_t s = 0; s < batch.context_lens.size(); ++s) {
    for (int64_t t = batch.query_start[s]; t < batch.query_start[s + 1]; ++t) {
      const int64_t context_len = batch.context_lens[s];
      for (int64_t h = 0; h < layout.num_heads; ++h) {
        const Query query{&qkv[static_cast<size_t>(t * layout.row_size() + h * layout.head_dim)],
                          static_cast<int64_t>(s), context_len - (batch.query_start[s + 1] - 1 - t),
                          context_len};
        const bool wrong = mode.quirk == Quirk::kWrongKvHead;
        const int64_t kv_head = wrong ? h % layout.num_kv_heads : h / group;
        const Values head = attend(query, kv_head, context, batch, mode);
        out.insert(out.end(), head.begin(), head.end());
      }
    }
  }
  return out;
}

}  // namespace ernie::verify::host
