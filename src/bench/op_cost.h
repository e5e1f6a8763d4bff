#pragma once

/// What an operation costs at least: its arithmetic, and bytes to and from memory if every operand
/// is read once and every result written once. In doubles: counts of the full model exceed 2^53
/// nowhere.

#include "model/operation.h"

namespace ernie::bench {

struct OpCost {
  double operations = 0;  ///< as Operation::arithmetic
  double bytes = 0;
};

/// Bytes of one element, as the device stores it. Routers, vectors and ids take 4.
struct ElementBytes {
  double activation = 4;
  double weight = 4;  ///< with scales, if it is quantised
  double kv = 4;
};

OpCost cost_of(const Operation& operation, const ElementBytes& bytes);
/// Of one element of the operand.
double element_bytes_of(const OperandSpec& operand, const ElementBytes& bytes);

/// The time below which the machine cannot do it, and why.
struct LimitTime {
  double seconds = 0;
  bool by_memory = true;  ///< else by arithmetic
};
LimitTime limit_time(const OpCost& cost, double gb_per_s, double gflop_per_s);

}  // namespace ernie::bench
