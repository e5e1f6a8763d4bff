// A device with a fault in one operation: every other one gives the device's own bits, and the
// faults that are made on the device itself do what their names say.

#include "verify/faults/faulty_backend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "backend/registry.h"
#include "verify/array.h"
#include "verify/ops/inputs.h"

namespace ernie::verify {
namespace {

using Numbers = std::vector<double>;
using Ids = std::vector<int32_t>;

constexpr int64_t kTokens = 5, kWidth = 12, kHalf = 6, kExperts = 3;
constexpr QkvLayout kLayout{2, 2, 4};

std::unique_ptr<Backend> cpu() {
  return make_backend("cpu", {.dtype = DType::kF32, .num_threads = 1}).value();
}
std::unique_ptr<Backend> cpu_with(std::string_view op, Quirk quirk) {
  return make_faulty_backend(cpu(), {.op = op, .quirk = quirk}, DType::kF32);
}

/// The same inputs for whatever device, and each operation's result by its name.
class Operations {
 public:
  explicit Operations(std::unique_ptr<Backend> backend)
      : backend_(std::move(backend)),
        matrix_(matrix(kWidth, kWidth, MatrixUse::kLinear)),
        norm_(vector(kWidth, VectorUse::kNorm)),
        router_(matrix(kExperts, kWidth, MatrixUse::kRouter)),
        bias_(vector(kExperts, VectorUse::kRouterBias)),
        experts_(experts()) {}

  std::map<std::string_view, Numbers> run_all() {
    std::map<std::string_view, Numbers> all;
    Backend& b = *backend_;
    const Array x = rows(kWidth, 1), y = rows(kWidth, 2), ids = list({3, 0, 2, 2, 1});
    all["embed"] = result(kWidth, [&](auto& out) { b.embed(ids.tensor, *matrix_, 0, out); });
    all["gather_rows"] =
        result(kWidth, [&](auto& out) { b.gather_rows(x.tensor, ids.tensor, out); });
    all["rms_norm"] = result(kWidth, [&](auto& out) { b.rms_norm(x.tensor, *norm_, 1e-5f, out); });
    all["linear"] = result(kWidth, [&](auto& out) { b.linear(x.tensor, *matrix_, out); });
    all["silu_mul"] = result(kHalf, [&](auto& out) { b.silu_mul(x.tensor, out); });
    all["add"] = result(kWidth, [&](auto& out) { b.add(x.tensor, y.tensor, out); });
    const Array scratch = rows(kWidth, 3);
    all["gate_up_silu"] =
        result(kHalf, [&](auto& out) { b.gate_up_silu(x.tensor, *matrix_, scratch.tensor, out); });
    all["moe"] = result(kWidth, [&](auto& out) { moe(x, out); });
    const Array sum = rows(kWidth, 1);
    all["add_rms_norm"] = result(
        kWidth, [&](auto& out) { b.add_rms_norm(sum.tensor, y.tensor, *norm_, 1e-5f, out); });
    all["the sum of add_rms_norm"] = download(b, sum.tensor).value();
    all["attention"] = attend({0, 1, 2, 3, 4});
    return all;
  }

  /// Stores five tokens to these slots of a cache of eight and lets one query look at the first
  /// five slots.
  Numbers attend(const Ids& slots) {
    Backend& b = *backend_;
    const auto cache = b.allocate_kv_cache({1, 2, 4, 2, 4}).value();
    const Array qkv = rows(kLayout.row_size(), 4), one = rows(kLayout.row_size(), 5, 1);
    const Array mapping = list(slots);
    b.store_kv(qkv.tensor, kLayout, mapping.tensor, *cache, 0);
    const Array starts = list({0, 1}), lens = list({5}),
                blocks = upload(b, Ids{0, 1}, {1, 2}).value();
    const Array out = poisoned(b, {1, 8}, DType::kF32).value();
    b.attention(one.tensor, kLayout, *cache, 0, {starts.tensor, lens.tensor, blocks.tensor, 5},
                out.tensor);
    return download(b, out.tensor).value();
  }

 private:
  static Numbers numbers(int64_t count, uint64_t seed) {
    Random random(seed);
    return ops::make_values(ops::InputClass::kNormal, 1, count, DType::kF32, random);
  }
  OperandPtr matrix(int64_t out, int64_t in, MatrixUse use) {
    const HostMatrix host = ops::host_matrix(numbers(out * in, 6), {out, in}, DType::kF32);
    return backend_->prepare_matrix({&host, 1}, use).value();
  }
  OperandPtr vector(int64_t size, VectorUse use) {
    return backend_->prepare_vector(ops::host_matrix(numbers(size, 7), {size}, DType::kF32), use)
        .value();
  }
  OperandPtr experts() {
    std::vector<ExpertMatrices> all;
    for (uint64_t e = 0; e < kExperts; ++e) {
      const auto part = [&](int64_t out, int64_t in, uint64_t seed) {
        return ops::host_matrix(numbers(out * in, seed + 10 * e), {out, in}, DType::kF32);
      };
      all.push_back({part(kHalf, kWidth, 8), part(kHalf, kWidth, 9), part(kWidth, kHalf, 10)});
    }
    return backend_->prepare_experts({kExperts, kWidth, kHalf}, all).value();
  }
  Array rows(int64_t columns, uint64_t seed, int64_t count = kTokens) {
    return upload(*backend_, numbers(count * columns, seed), {count, columns}, DType::kF32).value();
  }
  Array list(const Ids& ids) {
    return upload(*backend_, ids, {static_cast<int64_t>(ids.size())}).value();
  }
  template <typename Apply>
  Numbers result(int64_t columns, const Apply& apply) {
    const Array out = poisoned(*backend_, {kTokens, columns}, DType::kF32).value();
    apply(out.tensor);
    return download(*backend_, out.tensor).value();
  }
  void moe(const Array& x, const Tensor& out) {
    const Array logits = rows(kExperts, 11), weights = rows(2, 12);
    const Array ids = poisoned(*backend_, {kTokens, 2}, DType::kI32).value();
    backend_->moe(x.tensor,
                  {.router = *router_, .bias = *bias_, .experts = *experts_, .norm_min = 1e-12f},
                  {logits.tensor, ids.tensor, weights.tensor}, out);
  }

  std::unique_ptr<Backend> backend_;
  OperandPtr matrix_, norm_, router_, bias_, experts_;
};

/// What a device with the fault computes otherwise.
std::vector<std::string_view> changed_by(std::string_view op, Quirk quirk) {
  const auto right = Operations(cpu()).run_all();
  std::vector<std::string_view> changed;
  for (const auto& [name, got] : Operations(cpu_with(op, quirk)).run_all()) {
    if (got != right.at(name)) changed.push_back(name);
  }
  return changed;
}

using Names = std::vector<std::string_view>;

TEST(FaultyBackend, AnOperationThatItDoesNotKnowIsTheDevicesOwn) {
  EXPECT_EQ(changed_by("", Quirk::kZeros), Names{});
}

// A fused operation is the device's own too, and not made of the spoiled one.
TEST(FaultyBackend, OnlyTheOperationOfTheFaultIsChanged) {
  EXPECT_EQ(changed_by("linear", Quirk::kZeros), Names{"linear"});
  EXPECT_EQ(changed_by("embed", Quirk::kNextRow), Names{"embed"});
  EXPECT_EQ(changed_by("gather_rows", Quirk::kNextRow), Names{"gather_rows"});
  EXPECT_EQ(changed_by("rms_norm", Quirk::kGain), Names{"rms_norm"});
  EXPECT_EQ(changed_by("silu_mul", Quirk::kNoSilu), Names{"silu_mul"});
  EXPECT_EQ(changed_by("add", Quirk::kSecondMissing), Names{"add"});
  EXPECT_EQ(changed_by("gate_up_silu", Quirk::kGateUpSwapped), Names{"gate_up_silu"});
  EXPECT_EQ(changed_by("moe", Quirk::kNextExpert), Names{"moe"});
  EXPECT_EQ(changed_by("attention", Quirk::kZeros), Names{"attention"});
  EXPECT_EQ(changed_by("store_kv", Quirk::kNextSlot), Names{"attention"});
  EXPECT_EQ(changed_by("route", Quirk::kNoBias), Names{});
}

TEST(FaultyBackend, FaultsOfTheFusedSum) {
  EXPECT_EQ(changed_by("add_rms_norm", Quirk::kSumNotStored), Names{"the sum of add_rms_norm"});
  EXPECT_EQ(changed_by("add_rms_norm", Quirk::kSecondMissing),
            (Names{"add_rms_norm", "the sum of add_rms_norm"}));
}

TEST(FaultyBackend, TheRowAfterTheLastIsTheFirst) {
  const auto backend = cpu_with("gather_rows", Quirk::kNextRow);
  const Array x = upload(*backend, Numbers{1, 2, 3}, {3, 1}, DType::kF32).value();
  const Array rows = upload(*backend, Ids{0, 2}, {2}).value();
  const Array out = poisoned(*backend, {2, 1}, DType::kF32).value();
  backend->gather_rows(x.tensor, rows.tensor, out.tensor);
  EXPECT_EQ(download(*backend, out.tensor).value(), (Numbers{2, 1}));
}

TEST(FaultyBackend, TheSlotAfterTheRightOneIsWhereAShiftedQueryFindsIt) {
  EXPECT_EQ(Operations(cpu_with("store_kv", Quirk::kNextSlot)).attend({7, 0, 1, 2, 3}),
            Operations(cpu()).attend({0, 1, 2, 3, 4}));
}

// Two heads of four numbers with zeros for queries: the mean of the values, and of the other head's
// where they are stored in reverse order.
TEST(FaultyBackend, HeadsInReverseOrderSwapTheirValues) {
  const auto means = [](std::unique_ptr<Backend> b) {
    const auto cache = b->allocate_kv_cache({1, 1, 1, 2, 4}).value();
    const Array qkv = upload(*b, Numbers{0, 0, 0, 0, 0,  0,  0,  0,  1,  1,  1,  1,
                                         2, 2, 2, 2, 10, 11, 12, 13, 20, 21, 22, 23},
                             {1, 24}, DType::kF32)
                          .value();
    const Array slot = upload(*b, Ids{0}, {1}).value();
    b->store_kv(qkv.tensor, kLayout, slot.tensor, *cache, 0);
    const Array starts = upload(*b, Ids{0, 1}, {2}).value(), lens = upload(*b, Ids{1}, {1}).value(),
                blocks = upload(*b, Ids{0}, {1, 1}).value();
    const Array out = poisoned(*b, {1, 8}, DType::kF32).value();
    b->attention(qkv.tensor, kLayout, *cache, 0, {starts.tensor, lens.tensor, blocks.tensor, 1},
                 out.tensor);
    return download(*b, out.tensor).value();
  };
  EXPECT_EQ(means(cpu()), (Numbers{10, 11, 12, 13, 20, 21, 22, 23}));
  EXPECT_EQ(means(cpu_with("store_kv", Quirk::kHeadsSwapped)),
            (Numbers{20, 21, 22, 23, 10, 11, 12, 13}));
}

}  // namespace
}  // namespace ernie::verify
