#include "verify/ops/op_case.h"

namespace ernie::verify::ops {

const std::vector<OperationCases>& operations() {
  static const std::vector<OperationCases> kOperations = {{"embed", embed_groups},
                                                          {"rms_norm", rms_norm_groups},
                                                          {"linear", linear_groups},
                                                          {"rope_table", rope_table_groups},
                                                          {"rope", rope_groups},
                                                          {"store_kv", store_kv_groups},
                                                          {"attention", attention_groups},
                                                          {"silu_mul", silu_mul_groups},
                                                          {"add", add_groups},
                                                          {"route", route_groups},
                                                          {"experts", experts_groups},
                                                          {"gather_rows", gather_rows_groups},
                                                          {"argmax", argmax_groups},
                                                          {"add_rms_norm", add_rms_norm_groups},
                                                          {"gate_up_silu", gate_up_silu_groups},
                                                          {"moe", moe_groups},
                                                          {"log_softmax", log_softmax_groups},
                                                          {"sample", sample_groups}};
  return kOperations;
}

}  // namespace ernie::verify::ops
