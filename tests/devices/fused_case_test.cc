// A fused operation that differs from its composition in one bit is found, and nothing else is
// blamed for it.

#include "verify/ops/fused_case.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "backend/registry.h"
#include "lost_device/failing_backend.h"

namespace ernie::verify::ops {
namespace {

constexpr Plan kPlan{.suite = Suite::kFaults, .seed = 1};

/// Flips the lowest bit of one value that a fused operation writes.
class OneBitOff final : public FailingBackend {
 public:
  /// what: the operation whose result it is; "sum": of what add_rms_norm leaves in x.
  explicit OneBitOff(std::string_view what)
      : FailingBackend(make_backend("cpu", {.dtype = DType::kF32, .num_threads = 1}).value(),
                       std::make_shared<Failure>(Failure::Of::kAdd, Failure::kNever)),
        what_(what) {}

 protected:
  void do_add_rms_norm(const Tensor& x, const Tensor& y, const Operand& weight, float eps,
                       const Tensor& out) override {
    Backend::do_add_rms_norm(x, y, weight, eps, out);
    flip_if("add_rms_norm", out);
    flip_if("sum", x);
  }
  void do_gate_up_silu(const Tensor& x, const Operand& gate_up, const Tensor& scratch,
                       const Tensor& out) override {
    Backend::do_gate_up_silu(x, gate_up, scratch, out);
    flip_if("gate_up_silu", out);
  }
  void do_moe(const Tensor& x, const MoeOperands& weights, const MoeScratch& scratch,
              const Tensor& out) override {
    Backend::do_moe(x, weights, scratch, out);
    flip_if("moe", out);
  }

 private:
  void flip_if(std::string_view what, const Tensor& tensor) {
    if (what != what_) return;
    std::vector<uint32_t> bits(static_cast<size_t>(tensor.shape.num_elements()));
    ASSERT_TRUE(copy_out(tensor, bits.data()));
    bits.back() ^= 1;
    copy_in(bits.data(), tensor);
  }
  std::string_view what_;
};

/// The distinct failures of all cases of an operation; "" is a case that passed.
std::vector<std::string> failures_of(std::string_view op, std::string_view what) {
  OneBitOff device(what);
  Rig rig(device, device, device, engine_functions());
  std::vector<std::string> found;
  const auto keep = [&](const CaseResult& result) {
    EXPECT_EQ(result.op, op);
    found.push_back("");
    for (const std::string& name : result.failures) found.back() += name + ";";
  };
  const auto cases = std::ranges::find(operations(), op, &OperationCases::name);
  for (const CaseGroup& group : cases->groups(kPlan)) EXPECT_TRUE(group.run(rig, keep));
  EXPECT_EQ(found.size(), fused_cases(kPlan).size());
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

using Names = std::vector<std::string>;

TEST(FusedCases, OneBitIsFoundInEveryCaseAndBlamedOnWhereItIs) {
  const Names passed{""}, other{"bits of the composition;"};
  for (const std::string_view op : {"add_rms_norm", "gate_up_silu", "moe"}) {
    EXPECT_EQ(failures_of(op, "nothing"), passed) << op;
    for (const std::string_view what : {"add_rms_norm", "gate_up_silu", "moe"}) {
      EXPECT_EQ(failures_of(op, what), what == op ? other : passed) << op << " " << what;
    }
  }
  EXPECT_EQ(failures_of("add_rms_norm", "sum"), Names{"sum;"});
}

TEST(FusedCases, ASuiteHasCasesOfItsOwnWithSeedsOfTheirOwn) {
  EXPECT_TRUE(fused_cases({.suite = Suite::kPublished}).empty());
  for (const Suite suite : {Suite::kFaults, Suite::kModel, Suite::kFull}) {
    const std::vector<FusedCase> cases = fused_cases({.suite = suite, .seed = 7});
    ASSERT_FALSE(cases.empty());
    std::vector<uint64_t> seeds;
    for (const FusedCase& c : cases) {
      EXPECT_GE(std::min({c.tokens, c.hidden, c.width}), 1);
      seeds.push_back(c.seed);
    }
    std::ranges::sort(seeds);
    EXPECT_EQ(std::ranges::adjacent_find(seeds), seeds.end());
    EXPECT_NE(cases[0].seed, fused_cases({.suite = suite, .seed = 8})[0].seed);
  }
  EXPECT_GE(fused_cases({.suite = Suite::kFull}).size(), 10'000u);
}

TEST(FusedCases, ACaseIsDescribedByItsInput) {
  const CaseResult result = describe("moe", {3, 4, 5, InputClass::kSpike, 6}, "T 3");
  EXPECT_EQ(result.op, "moe");
  EXPECT_EQ(result.shape, "T 3");
  EXPECT_EQ(result.input.text(), "spike");
  EXPECT_EQ(result.seed, 6u);
  EXPECT_EQ(result.tolerance.emax, 0) << "bit for bit";
  EXPECT_TRUE(result.failures.empty());
}

}  // namespace
}  // namespace ernie::verify::ops
