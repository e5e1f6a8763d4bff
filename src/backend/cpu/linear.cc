#include <algorithm>

#include "backend/cpu/cpu_context.h"

namespace ernie::cpu {

void CpuContext::matmul(const float* x, int64_t x_stride, int64_t num_tokens, const WeightRows& w,
                        int64_t row_begin, int64_t row_end, float* y, int64_t y_stride) const {
  const int64_t num_rows = row_end - row_begin;
  if (w.dtype == DType::kBF16) {
    kernels.matmul_bf16(x, x_stride, num_tokens, w.row<uint16_t>(row_begin), num_rows,
                        w.num_columns, y, y_stride);
  } else {
    kernels.matmul_f32(x, x_stride, num_tokens, w.row<float>(row_begin), num_rows, w.num_columns, y,
                       y_stride);
  }
}

int64_t matmul_ns(int64_t num_tokens, const WeightRows& w) {
  constexpr int64_t kBytesPerNs = 16, kMacsPerNs = 32;  // reading the weights, and arithmetic
  const int64_t count = w.num_rows * w.num_columns;
  return std::max(count * static_cast<int64_t>(dtype_bytes(w.dtype)) / kBytesPerNs,
                  count * num_tokens / kMacsPerNs);
}

void linear(CpuContext& context, const Tensor& x, const WeightRows& weight, const Tensor& out) {
  const int64_t num_tokens = x.dim(0), in = weight.num_columns, width = weight.num_rows;
  const auto* input = x.ptr<float>();
  auto* output = out.ptr<float>();
  const int64_t num_tasks = (width + kRowsPerTask - 1) / kRowsPerTask;
  context.threads.run(num_tasks, matmul_ns(num_tokens, weight), [&](int64_t task, int) {
    const int64_t begin = task * kRowsPerTask, end = std::min(width, begin + kRowsPerTask);
    for (int64_t t = 0; t < num_tokens; t += kTokensPerPass) {
      context.matmul(input + t * in, in, std::min(kTokensPerPass, num_tokens - t), weight, begin,
                     end, output + t * width + begin, width);
    }
  });
}

}  // namespace ernie::cpu
