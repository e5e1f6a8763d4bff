#pragma once

#include <barrier>
#include <vector>

#include "backend/communicator.h"

namespace ernie::testing {

/// What the ranks of a ThreadCommunicator share: a thread each, in one process.
class ThreadRanks {
 public:
  explicit ThreadRanks(int size)
      : size_(size), barrier_(size), tensors_(static_cast<size_t>(size)) {}
  int size() const { return size_; }

 private:
  friend class ThreadCommunicator;
  int size_;
  std::barrier<> barrier_;
  std::vector<Tensor> tensors_;  // what each rank brings to the call in progress
};

/// The ranks of a model as threads that meet at each call, for devices on host memory.
class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(ThreadRanks& ranks, int rank) : ranks_(ranks), rank_(rank) {}

  Shard shard() const override { return {rank_, ranks_.size()}; }
  void all_reduce(const Tensor& values) override;
  void all_gather(const Tensor& local, const Tensor& all) override;
  void broadcast(const Tensor& values, int root) override;

 private:
  /// Shows the tensor to the others and waits until all have; then `read` may look at them.
  template <typename Read>
  void meet(const Tensor& mine, const Read& read);

  ThreadRanks& ranks_;
  int rank_;
};

}  // namespace ernie::testing
