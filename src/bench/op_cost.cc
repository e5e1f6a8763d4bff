#include "bench/op_cost.h"

namespace ernie::bench {

double element_bytes_of(const OperandSpec& operand, const ElementBytes& bytes) {
  switch (operand.kind) {
    case OperandKind::kActivation:
      return bytes.activation;
    case OperandKind::kMatrix:
      return operand.matrix_use == MatrixUse::kRouter ? 4 : bytes.weight;
    case OperandKind::kExperts:
      return bytes.weight;
    case OperandKind::kCache:
      return bytes.kv;
    case OperandKind::kFloat32:
    case OperandKind::kIds:
    case OperandKind::kVector:
      break;
  }
  return 4;
}

OpCost cost_of(const Operation& operation, const ElementBytes& bytes) {
  OpCost cost{operation.arithmetic, 0};
  for (const OperandSpec& operand : operation.operands) {
    cost.bytes += operand.num_touched * element_bytes_of(operand, bytes);
  }
  return cost;
}

LimitTime limit_time(const OpCost& cost, double gb_per_s, double gflop_per_s) {
  const double memory = cost.bytes / (gb_per_s * 1e9);
  const double arithmetic = cost.operations / (gflop_per_s * 1e9);
  return memory >= arithmetic ? LimitTime{memory, true} : LimitTime{arithmetic, false};
}

}  // namespace ernie::bench
