// The list of faults: what it must have to be worth anything.

#include "verify/faults/fault.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "verify/ops/op_case.h"

namespace ernie::verify {
namespace {

bool is_ascii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
}

bool applies(const Fault& fault, DType act, DType store) {
  return fault.applies == nullptr || fault.applies(act, store);
}

TEST(Faults, NoOperationHasOneTwice) {
  std::set<std::pair<std::string_view, Quirk>> quirks;
  std::set<std::pair<std::string_view, std::string>> english, chinese;
  for (const Fault& fault : faults()) {
    EXPECT_TRUE(quirks.emplace(fault.op, fault.quirk).second) << fault.op << " " << fault.name.en;
    EXPECT_TRUE(english.emplace(fault.op, fault.name.en).second) << fault.op << fault.name.en;
    EXPECT_TRUE(chinese.emplace(fault.op, fault.name.zh).second) << fault.op << fault.name.zh;
  }
}

TEST(Faults, HaveANameInBothLanguages) {
  for (const Fault& fault : faults()) {
    EXPECT_FALSE(fault.name.en.empty()) << fault.op;
    EXPECT_TRUE(is_ascii(fault.name.en)) << fault.name.en;
    EXPECT_FALSE(is_ascii(fault.name.zh)) << fault.name.en;
  }
}

TEST(Faults, StandInTheOrderOfTheOperations) {
  std::vector<std::string_view> order, operations;
  for (const Fault& fault : faults()) {
    if (order.empty() || order.back() != fault.op) order.push_back(fault.op);
  }
  for (const ops::OperationCases& operation : ops::operations()) {
    operations.push_back(operation.name);
  }
  EXPECT_EQ(order, operations);
}

// What computes rightly is no fault; a quirk that no operation has is dead code.
TEST(Faults, UseEveryQuirkButNone) {
  std::set<int> used;
  for (const Fault& fault : faults()) used.insert(static_cast<int>(fault.quirk));
  const int last = static_cast<int>(Quirk::kUnseeded);
  EXPECT_FALSE(used.contains(static_cast<int>(Quirk::kNone)));
  EXPECT_EQ(used.size(), static_cast<size_t>(last));
  EXPECT_EQ(*used.rbegin(), last);
}

// A fault that is left out everywhere would never be tried.
TEST(Faults, ApplyOnSomeDeviceAndEachOperationHasOneOnAll) {
  std::set<std::string_view> wide, narrow;
  for (const Fault& fault : faults()) {
    const bool in_float32 = applies(fault, DType::kF32, DType::kF32);
    const bool in_bfloat16 = applies(fault, DType::kBF16, DType::kBF16);
    const bool stored = applies(fault, DType::kF32, DType::kBF16);
    EXPECT_TRUE(in_float32 || in_bfloat16 || stored) << fault.op << " " << fault.name.en;
    if (in_float32) wide.insert(fault.op);
    if (in_bfloat16) narrow.insert(fault.op);
  }
  EXPECT_EQ(wide.size(), ops::operations().size());
  EXPECT_EQ(narrow, wide);
}

// A bfloat16 activation written to a bfloat16 cache is not rounded, so nothing is truncated.
TEST(Faults, TruncationInTheCacheNeedsANarrowerCache) {
  const auto fault = std::ranges::find_if(faults(), [](const Fault& f) {
    return f.op == "store_kv" && f.quirk == Quirk::kTruncatingStore;
  });
  ASSERT_NE(fault, faults().end());
  EXPECT_TRUE(applies(*fault, DType::kF32, DType::kBF16));
  EXPECT_FALSE(applies(*fault, DType::kF32, DType::kF32));
  EXPECT_FALSE(applies(*fault, DType::kBF16, DType::kBF16));
}

}  // namespace
}  // namespace ernie::verify
