#include "verify/ops/op_case.h"

namespace ernie::verify::ops {

// One function in a file of cases/ each.
std::vector<CaseGroup> embed_groups(const Plan& plan);
std::vector<CaseGroup> rms_norm_groups(const Plan& plan);
std::vector<CaseGroup> linear_groups(const Plan& plan);
std::vector<CaseGroup> rope_table_groups(const Plan& plan);
std::vector<CaseGroup> rope_groups(const Plan& plan);
std::vector<CaseGroup> store_kv_groups(const Plan& plan);
std::vector<CaseGroup> attention_groups(const Plan& plan);
std::vector<CaseGroup> silu_mul_groups(const Plan& plan);
std::vector<CaseGroup> add_groups(const Plan& plan);
std::vector<CaseGroup> route_groups(const Plan& plan);
std::vector<CaseGroup> experts_groups(const Plan& plan);
std::vector<CaseGroup> gather_rows_groups(const Plan& plan);
std::vector<CaseGroup> argmax_groups(const Plan& plan);
std::vector<CaseGroup> add_rms_norm_groups(const Plan& plan);
std::vector<CaseGroup> gate_up_silu_groups(const Plan& plan);
std::vector<CaseGroup> moe_groups(const Plan& plan);
std::vector<CaseGroup> log_softmax_groups(const Plan& plan);
std::vector<CaseGroup> sample_groups(const Plan& plan);

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
