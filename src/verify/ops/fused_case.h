#pragma once

/// A fused operation gives the bits of what it composes, on the same device, in everything that it
/// writes. Whether the composed operations are right is said by their own cases.

#include "verify/ops/inputs.h"
#include "verify/ops/rig.h"

namespace ernie::verify::ops {

struct FusedCase {
  int64_t tokens, hidden, width;
  InputClass input;
  uint64_t seed;
};
std::vector<FusedCase> fused_cases(const Plan& plan);

/// The result of a case before anything was compared.
CaseResult describe(std::string_view op, const FusedCase& c, const std::string& shape);

/// Adds `name` to the failures if the two tensors of the device differ in a bit.
Result<void> compare_bits(Backend& device, const Array& fused, const Array& composed,
                          const char* name, CaseResult& result);

/// [tokens, columns] of the case's class of input.
Result<Array> random_rows(Rig& rig, const Plan& plan, const FusedCase& c, int64_t columns,
                          Random& random);
Result<OperandPtr> random_vector(Backend& device, int64_t size, DType store, VectorUse use,
                                 Random& random);

}  // namespace ernie::verify::ops
