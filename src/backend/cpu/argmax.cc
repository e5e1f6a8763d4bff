#include "backend/cpu/cpu_context.h"
#include "base/row_range.h"

namespace ernie::cpu {
namespace {

/// See Backend::argmax. A block whose maximum only equals the largest so far does not replace it,
/// so the lowest id wins a tie.
int32_t argmax_of_row(std::span<const float> row) {
  float largest = -std::numeric_limits<float>::infinity();
  size_t best_begin = row.size();
  for (size_t begin = 0; begin < row.size(); begin += kRowBlock) {
    const BlockRange range =
        block_range(row.subspan(begin, std::min(kRowBlock, row.size() - begin)));
    if (!range.valid) return -1;
    if (range.max > largest) {
      largest = range.max;
      best_begin = begin;
    }
  }
  if (best_begin == row.size()) return -1;
  size_t id = best_begin;
  while (row[id] != largest) ++id;
  return static_cast<int32_t>(id);
}

}  // namespace

void argmax(CpuContext& context, const Tensor& logits, const Tensor& ids) {
  const int64_t work_ns = logits.shape.num_elements() / kComparisonsPerNs;
  context.threads.run(ids.dim(0), work_ns, [&](int64_t i, int) {
    ids.ptr<int32_t>()[i] = argmax_of_row(logits.row<float>(i));
  });
}

}  // namespace ernie::cpu
