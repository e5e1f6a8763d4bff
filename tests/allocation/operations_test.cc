// No operation of any device allocates once it was called with the largest batch.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <set>
#include <thread>

#include "allocation/variants.h"
#include "backend/backend_test_operations.h"
#include "base/thread_pool.h"
#include "model/device_operands.h"
#include "model/model_operations.h"

namespace ernie::testing {
namespace {

/// The same pointer; the compiler must think that somebody needs it.
template <typename T>
T* kept(T* pointer) {
  T* volatile copy = pointer;
  return copy;
}

/// Each must count, or the tests below prove nothing.
TEST(AllocationCounter, SeesEveryKindOnEveryThread) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer has its own allocator";
  EXPECT_EQ(allocations_in([] {}), 0);
  struct alignas(128) Wide {
    char bytes[128];
  };
  const std::vector<std::function<void()>> kinds{
      [] { std::free(kept(std::malloc(10))); },
      [] { std::free(kept(std::calloc(2, 5))); },
      [] { std::free(kept(std::realloc(nullptr, 10))); },
      [] { std::free(kept(std::aligned_alloc(64, 64))); },
      [] {
        void* memory = nullptr;
        ASSERT_EQ(::posix_memalign(&memory, 64, 64), 0);
        std::free(kept(memory));
      },
      [] { delete kept(new int); },
      [] { delete[] kept(new int[10]); },
      [] { delete kept(new Wide); },
      [] { kept(std::vector<int>(10).data()); }};
  for (size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(allocations_in(kinds[i]), 1) << "kind " << i;
    std::thread([&] { EXPECT_EQ(allocations_in(kinds[i]), 1) << "kind " << i; }).join();
  }
}

TEST(ThreadPoolAllocation, NoLoopAllocates) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer has its own allocator";
  ThreadPool pool(3);
  double a = 1, b = 2, c = 3, d = 4;  // more than fits a std::function
  std::atomic<int> done{0};
  EXPECT_EQ(allocations_in([&] {
              for (int i = 0; i < 1000; ++i) {
                pool.run(10, ThreadPool::kMuchWork,
                         [&done, a, b, c, d](int64_t, int) { done += a + b + c + d > 0 ? 1 : 0; });
              }
            }),
            0);
  EXPECT_EQ(done, 10'000);
}

/// Those of a step, whole and of a rank, and some with enough work to be shared among threads.
std::vector<Operation> all_operations() {
  const ModelConfig config = *preset_model_config("tiny");
  std::vector<Operation> all;
  for (const Shard shard : {Shard{0, 1}, Shard{1, 2}}) {
    for (const auto& sequences :
         {std::vector<QuerySpan>{{1, 33}, {1, 1}, {1, 17}}, {{5, 5}, {3, 20}}}) {
      for (Operation& operation : model_operations(config, shard, sequences, 3)) {
        all.push_back(std::move(operation));
      }
    }
  }
  const QkvLayout layout{.num_heads = 8, .num_kv_heads = 2, .head_dim = 32};
  for (Operation& operation : std::vector<Operation>{
           silu_mul_operation(8, 48), route_operation(5, 8, 3), experts_operation(5, 8, 3, 64, 32),
           linear_operation(64, 256, 512, MatrixUse::kLinear), rms_norm_operation(512, 1024),
           rope_operation(512, layout), attention_operation({{48, 200}, {1, 90}}, layout),
           silu_mul_operation(128, 1024), route_operation(512, 64, 6),
           experts_operation(96, 8, 2, 128, 96), argmax_operation(20, 20'000)}) {
    operation.name = "alone";
    all.push_back(std::move(operation));
  }
  return all;
}

class OperationAllocation : public ::testing::TestWithParam<Variant> {};

TEST_P(OperationAllocation, NoneAfterTheFirstCall) {
  if (!can_count_allocations()) GTEST_SKIP() << "a sanitizer has its own allocator";
  const auto backend = GetParam().make();
  std::set<std::string_view> seen;
  for (const Operation& operation : all_operations()) {
    SCOPED_TRACE(fmt::format("{} ({}), {}", operation.name, operation.op, operation.shape));
    const DeviceOperands operands(*backend, operation);
    operation.call(*backend, operands.arguments());
    EXPECT_EQ(allocations_in([&] { operation.call(*backend, operands.arguments()); }), 0);
    seen.insert(operation.op);
  }
  for (const std::string& op : interface_operations()) {
    EXPECT_TRUE(seen.contains(op)) << op << " was not called";
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, OperationAllocation, ::testing::ValuesIn(all_variants()),
                         [](const auto& test) { return test.param.name(); });

}  // namespace
}  // namespace ernie::testing
