#pragma once

#include "base/tensor.h"

namespace ernie {

/// One of `size` ranks that compute a model together, each with a part of the weights.
struct Shard {
  int rank = 0;
  int size = 1;
};

/// What the ranks of a model tell each other. Collective: every rank calls the same functions in
/// the same order, with tensors of the shapes that its part has. The calls are operations of the
/// device that made it: they enqueue, in order with the others, and a rank that is lost shows where
/// the device waits, as kDeviceLost. Results have the same bits on every rank and in every run.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual Shard shard() const = 0;

  /// values = Σ of every rank's values, in ascending order of rank, in float32 or wider and rounded
  /// once. F64, F32 or BF16; the same shape everywhere.
  virtual void all_reduce(const Tensor& values) = 0;
  /// Row i of `all` is row i of every rank's `local` side by side, in ascending order of rank.
  /// local [N, columns of this rank]; all [N, their sum], the same memory if there is one rank.
  virtual void all_gather(const Tensor& local, const Tensor& all) = 0;
  /// values = those of rank `root`; the same shape and dtype everywhere.
  virtual void broadcast(const Tensor& values, int root) = 0;
};

/// For a model that is whole: nobody to tell.
class OneRank final : public Communicator {
 public:
  Shard shard() const override { return {}; }
  void all_reduce(const Tensor&) override {}
  /// In place: a whole model writes its logits where they are wanted.
  void all_gather(const Tensor& local, const Tensor& all) override {
    ERNIE_CHECK(local.data == all.data, "gathering in place was expected");
  }
  void broadcast(const Tensor&, int) override {}
};

}  // namespace ernie
