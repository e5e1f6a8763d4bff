#include "model/thread_communicator.h"

#include <cstring>

namespace ernie::testing {
namespace {

double load(const Tensor& tensor, int64_t i) {
  if (tensor.dtype == DType::kF64) return tensor.ptr<double>()[i];
  return static_cast<double>(load_float(tensor.dtype, tensor.data, i));
}

void store(const Tensor& tensor, int64_t i, double value) {
  if (tensor.dtype == DType::kF64) {
    tensor.ptr<double>()[i] = value;
  } else {
    store_float(tensor.dtype, tensor.data, i, static_cast<float>(value));
  }
}

std::byte* bytes_at(const Tensor& tensor, int64_t row, int64_t column) {
  const auto element = static_cast<size_t>(row * tensor.dim(1) + column);
  return static_cast<std::byte*>(tensor.data) + element * dtype_bytes(tensor.dtype);
}

}  // namespace

template <typename Read>
void ThreadCommunicator::meet(const Tensor& mine, const Read& read) {
  ranks_.tensors_[static_cast<size_t>(rank_)] = mine;
  ranks_.barrier_.arrive_and_wait();
  read(ranks_.tensors_);
  ranks_.barrier_.arrive_and_wait();  // nobody changes a tensor that another still reads
}

void ThreadCommunicator::all_reduce(const Tensor& values) {
  std::vector<double> sums(static_cast<size_t>(values.shape.num_elements()));
  meet(values, [&](const std::vector<Tensor>& all) {
    for (const Tensor& tensor : all) {
      ERNIE_CHECK(tensor.shape == values.shape, "{} and {}", to_string(tensor.shape),
                  to_string(values.shape));
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += load(tensor, static_cast<int64_t>(i));
    }
  });
  for (size_t i = 0; i < sums.size(); ++i) store(values, static_cast<int64_t>(i), sums[i]);
}

void ThreadCommunicator::all_gather(const Tensor& local, const Tensor& all) {
  meet(local, [&](const std::vector<Tensor>& parts) {
    int64_t column = 0;
    for (const Tensor& part : parts) {
      const size_t row_bytes = static_cast<size_t>(part.dim(1)) * dtype_bytes(part.dtype);
      for (int64_t row = 0; row < part.dim(0) && row_bytes > 0; ++row) {
        std::memcpy(bytes_at(all, row, column), bytes_at(part, row, 0), row_bytes);
      }
      column += part.dim(1);
    }
    ERNIE_CHECK(column == all.dim(1), "{} of {} columns", column, all.dim(1));
  });
}

void ThreadCommunicator::broadcast(const Tensor& values, int root) {
  meet(values, [&](const std::vector<Tensor>& all) {
    if (rank_ == root) return;
    std::memcpy(values.data, all[static_cast<size_t>(root)].data, values.num_bytes());
  });
}

}  // namespace ernie::testing
