#include "verify/ops/op_case.h"

namespace ernie::verify::ops {

// Each in a file of cases/.
OperationCases embed_cases();
OperationCases norm_cases();
OperationCases linear_cases();
OperationCases rope_table_cases();
OperationCases rope_cases();
OperationCases store_kv_cases();
OperationCases attention_cases();
OperationCases silu_mul_cases();
OperationCases add_cases();
OperationCases route_cases();
OperationCases experts_cases();
OperationCases gather_rows_cases();
OperationCases argmax_cases();
OperationCases add_norm_cases();
OperationCases gate_up_silu_cases();
OperationCases moe_cases();
OperationCases log_softmax_cases();
OperationCases sample_cases();

const std::vector<OperationCases>& operations() {
  static const std::vector<OperationCases> kOperations = {
      embed_cases(),       norm_cases(),     linear_cases(),       rope_table_cases(),
      rope_cases(),        store_kv_cases(), attention_cases(),    silu_mul_cases(),
      add_cases(),         route_cases(),    experts_cases(),      gather_rows_cases(),
      argmax_cases(),      add_norm_cases(), gate_up_silu_cases(), moe_cases(),
      log_softmax_cases(), sample_cases()};
  return kOperations;
}

}  // namespace ernie::verify::ops
