#include "model/model_operations.h"

namespace ernie {
namespace {

/// `shape`: empty, or another way to say it.
Operation named(std::string name, std::string name_zh, Operation operation, std::string shape) {
  operation.name = std::move(name);
  operation.name_zh = std::move(name_zh);
  if (!shape.empty()) operation.shape = std::move(shape);
  return operation;
}

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
    add("embedding", "词嵌入", embed_operation(t, shape_.vocabulary.size(), hidden));
    add("rotary table", "旋转编码表",
        rope_table_operation(t, config_.head_dim, config_.rope_theta));
    add("RMSNorm", "", rms_norm_operation(t, hidden));
    attention_block();
    add("residual sum", "残差相加", add_operation(t, hidden));
    add("residual sum and RMSNorm", "残差相加与 RMSNorm", add_rms_norm_operation(t, hidden));
    gated_mlp("dense layer", "稠密层", shape_.intermediate.size());
    if (config_.num_experts > 0) moe_block();
    head();
    return std::move(operations_);
  }

 private:
  void add(std::string name, std::string name_zh, Operation operation) {
    operations_.push_back(
        named(std::move(name), std::move(name_zh), std::move(operation), /*shape=*/{}));
  }

  void attention_block() {
    const QkvLayout layout = shape_.qkv_layout();
    const int64_t t = num_tokens_, hidden = config_.hidden_size;
    if (layout.num_heads == 0) return;
    const bool is_decode = t == static_cast<int64_t>(sequences_.size());
    add("qkv projection", "QKV 投影",
        linear_operation(t, hidden, layout.row_size(), MatrixUse::kLinear));
    add("rotary embedding", "旋转位置编码", rope_operation(t, layout));
    add("store keys and values", "写入键值", store_kv_operation(t, layout));
    add(is_decode ? "attention, decode" : "attention, prefill",
        is_decode ? "注意力，解码" : "注意力，预填充", attention_operation(sequences_, layout));
    add("output projection", "输出投影",
        linear_operation(t, layout.q_size(), hidden, MatrixUse::kLinear));
  }

  void gated_mlp(const std::string& name, const std::string& zh, int64_t width) {
    if (width == 0) return;
    const int64_t t = num_tokens_, hidden = config_.hidden_size;
    add(name + ", gate and up", zh + "，gate 与 up",
        linear_operation(t, hidden, 2 * width, MatrixUse::kLinear));
    add("SiLU product, " + name, "SiLU 乘积，" + zh, silu_mul_operation(t, width));
    add(name + ", gate, up and SiLU", zh + "，gate、up 与 SiLU",
        gate_up_silu_operation(t, hidden, width));
    add(name + ", down", zh + "，down", linear_operation(t, width, hidden, MatrixUse::kLinear));
  }

  void moe_block() {
    const int64_t t = num_tokens_, hidden = config_.hidden_size, n = config_.num_experts;
    const int64_t k = config_.experts_per_token, width = config_.moe_intermediate_size;
    add("router", "路由器", linear_operation(t, hidden, n, MatrixUse::kRouter));
    add("routing", "路由选择", route_operation(t, n, k));
    if (const int64_t local = shape_.experts.size(); local >= k) {
      add("routed experts", "路由专家", experts_operation(t, local, k, hidden, width));
    }
    if (shape_.experts.size() == n) {
      add("router and routed experts", "路由器与路由专家", moe_operation(t, n, k, hidden, width));
    }
    gated_mlp("shared expert", "共享专家", shape_.shared_intermediate.size());
  }

  void head() {
    if (num_logits_rows_ == 0) return;
    const int64_t n = num_logits_rows_, hidden = config_.hidden_size;
    add("row choice", "按行选取", gather_rows_operation(n, hidden));
    // The head is the embedding table where the two are tied.
    add("output head", "输出头",
        linear_operation(n, hidden, shape_.vocabulary.size(), MatrixUse::kEmbedding));
    add("likeliest token", "最可能的 token", argmax_operation(n, config_.vocab_size));
  }

  const ModelConfig& config_;
  const ModelShape& shape_;
  const std::vector<QuerySpan>& sequences_;
  int64_t num_logits_rows_;
  int64_t num_tokens_ = 0;
  std::vector<Operation> operations_;
};

}  // namespace

std::vector<Operation> model_operations(const ModelConfig& config, Shard shard,
                                        const std::vector<QuerySpan>& sequences,
                                        int64_t num_logits_rows) {
  const ModelShape shape = shape_of(config, shard);
  return StepOperations(config, shape, sequences, num_logits_rows).build();
}

std::vector<PublishedOperation> published_operations() {
  const QkvLayout layout{.num_heads = 20, .num_kv_heads = 4, .head_dim = 128};
  const auto matmul = [](int64_t in, int64_t out) {
    return named(fmt::format("MatMul {} × {}", in, out), fmt::format("矩阵乘 {} × {}", in, out),
                 linear_operation(512, in, out, MatrixUse::kLinear), "");
  };
  const auto linear = [](int64_t rows) {
    return named("Linear", "线性层", linear_operation(rows, 2560, 2560, MatrixUse::kLinear), "");
  };
  const auto norm = [](int64_t rows, const char* shape) {
    return named("RMSNorm", "", rms_norm_operation(rows, 2560), shape);
  };
  const auto routing = [](int64_t tokens) {
    return named("MoE routing", "MoE 路由", route_operation(tokens, 64, 6), "");
  };
  const auto attention = [](const std::vector<QuerySpan>& prompts, const QkvLayout& heads,
                            const char* shape) {
    return named("Attention", "注意力", attention_operation(prompts, heads), shape);
  };
  return {
      {matmul(2560, 2560), {{0.1451, 0.0068}}},
      {matmul(2560, 12288), {{0.5431, 0.0031}}},
      {matmul(1536, 2560), {{0.1039, 0.0025}}},
      {routing(8192), {{0.2374, 0.0041, 34'504'145}}},
      {norm(16 * 512, "16 × 512 × 2560"), {{0.3455, 0.0049}}},
      {attention(std::vector<QuerySpan>(8, {512, 512}), layout,
                 "8 × 512, 20/4 heads of 128, causal"),
       {{1.2213, 0.0068, 3'353'822}}},
      {linear(64), {{0.0620, 0.0094}}},
      {named("SiLU", "", silu_mul_operation(32, 12288), "32 × 12288, with product"),
       {{0.0393, 0.0033}}},
      {matmul(12288, 2560), {}},
      {norm(4 * 16, "4 × 16 × 2560"), {}},
      {attention({{32, 32}, {32, 32}}, {20, 20, 128}, "2 × 32, 20 heads of 128, causal"), {}},
      {routing(4 * 8), {}},
      {linear(32), {}},
  };
}

}  // namespace ernie
