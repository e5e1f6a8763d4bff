#include "model/model_operations.h"

namespace ernie {
namespace {

/// Collects the operations of one step.
class StepOperations {
 public:
  StepOperations(const ModelConfig& config, const ModelShape& shape,
                 const std::vector<QuerySpan>& sequences, int64_t num_logits_rows)
      : config_(config), shape_(shape), sequences_(sequences), num_logits_rows_(num_logits_rows) {
    for (const QuerySpan& s : sequences) num_tokens_ += s.num_queries;
  }

  std::vector<Operation> build() {
    const int64_t t = num_tokens_, hidden = config_.hidden_size;
    add("embedding", embed_operation(t, shape_.vocabulary.size(), hidden));
    add("rotary table", rope_table_operation(t, config_.head_dim, config_.rope_theta));
    add("RMSNorm", rms_norm_operation(t, hidden));
    attention_block();
    add("residual sum", add_operation(t, hidden));
    add("residual sum and RMSNorm", add_rms_norm_operation(t, hidden));
    gated_mlp("dense layer", shape_.intermediate.size());
    if (config_.num_experts > 0) moe_block();
    head();
    return std::move(operations_);
  }

 private:
  void add(std::string name, Operation operation) {
    operation.name = std::move(name);
    operations_.push_back(std::move(operation));
  }

  void attention_block() {
    const QkvLayout layout = shape_.qkv_layout();
    const int64_t t = num_tokens_, hidden = config_.hidden_size;
    if (layout.num_heads == 0) return;
    const bool is_decode = t == static_cast<int64_t>(sequences_.size());
    add("qkv projection", linear_operation(t, hidden, layout.row_size(), MatrixUse::kLinear));
    add("rotary embedding", rope_operation(t, layout));
    add("store keys and values", store_kv_operation(t, layout));
    add(is_decode ? "attention, decode" : "attention, prefill",
        attention_operation(sequences_, layout));
    add("output projection", linear_operation(t, layout.q_size(), hidden, MatrixUse::kLinear));
  }

  void gated_mlp(const std::string& name, int64_t width) {
    if (width == 0) return;
    const int64_t t = num_tokens_, hidden = config_.hidden_size;
    add(name + ", gate and up", linear_operation(t, hidden, 2 * width, MatrixUse::kLinear));
    add("SiLU product, " + name, silu_mul_operation(t, width));
    add(name + ", gate, up and SiLU", gate_up_silu_operation(t, hidden, width));
    add(name + ", down", linear_operation(t, width, hidden, MatrixUse::kLinear));
  }

  void moe_block() {
    const int64_t t = num_tokens_, hidden = config_.hidden_size, n = config_.num_experts;
    const int64_t k = config_.experts_per_token, width = config_.moe_intermediate_size;
    add("router", linear_operation(t, hidden, n, MatrixUse::kRouter));
    add("routing", route_operation(t, n, k));
    if (const int64_t local = shape_.experts.size(); local >= k) {
      add("routed experts", experts_operation(t, local, k, hidden, width));
    }
    if (shape_.experts.size() == n) {
      add("router and routed experts", moe_operation(t, n, k, hidden, width));
    }
    gated_mlp("shared expert", shape_.shared_intermediate.size());
  }

  void head() {
    if (num_logits_rows_ == 0) return;
    const int64_t n = num_logits_rows_, hidden = config_.hidden_size;
    add("row choice", gather_rows_operation(n, hidden));
    // The head is the embedding table where the two are tied.
    add("output head",
        linear_operation(n, hidden, shape_.vocabulary.size(), MatrixUse::kEmbedding));
    add("likeliest token", argmax_operation(n, config_.vocab_size));
  }

  const ModelConfig& config_;
  const ModelShape& shape_;
  const std::vector<QuerySpan>& sequences_;
  int64_t num_logits_rows_;
  int64_t num_tokens_ = 0;
  std::vector<Operation> operations_;
};

Operation named(std::string name, Operation operation, std::string shape = {}) {
  operation.name = std::move(name);
  if (!shape.empty()) operation.shape = std::move(shape);
  return operation;
}

}  // namespace

std::vector<Operation> model_operations(const ModelConfig& config, Shard shard,
                                        const std::vector<QuerySpan>& sequences,
                                        int64_t num_logits_rows) {
  const ModelShape shape = shape_of(config, shard);
  return StepOperations(config, shape, sequences, num_logits_rows).build();
}

std::vector<PublishedOperation> published_operations() {
  constexpr int64_t kRows = 512;
  const QkvLayout layout{.num_heads = 20, .num_kv_heads = 4, .head_dim = 128};
  const std::vector<QuerySpan> prompts(8, {512, 512});
  const auto matmul = [](int64_t in, int64_t out) {
    return named(fmt::format("MatMul {} × {}", in, out),
                 linear_operation(kRows, in, out, MatrixUse::kLinear));
  };
  return {
      {matmul(2560, 2560), {0.1451, 0.0068}},
      {matmul(2560, 12288), {0.5431, 0.0031}},
      {matmul(1536, 2560), {0.1039, 0.0025}},
      {named("MoE routing", route_operation(8192, 64, 6)), {0.2374, 0.0041, 34'504'145}},
      {named("RMSNorm", rms_norm_operation(16 * 512, 2560), "16 × 512 × 2560"), {0.3455, 0.0049}},
      {named("Attention", attention_operation(prompts, layout),
             "8 × 512, 20/4 heads of 128, causal"),
       {1.2213, 0.0068, 3'353'822}},
      {named("Linear", linear_operation(64, 2560, 2560, MatrixUse::kLinear)), {0.0620, 0.0094}},
      {named("SiLU", silu_mul_operation(32, 12288), "32 × 12288, with product"), {0.0393, 0.0033}},
  };
}

}  // namespace ernie
