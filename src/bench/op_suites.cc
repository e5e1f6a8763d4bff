#include "bench/op_case.h"

namespace ernie::bench {
namespace {

constexpr int64_t kDecodeBatches[] = {1, 4, 16};
constexpr int64_t kBatches[] = {1, 4, 16, 128, 512};
constexpr int64_t kPrompts[] = {128, 512};
constexpr int64_t kDepths[] = {512, 4096, 32768};
constexpr int64_t kHeadRows[] = {1, 4, 16, 64};  // a step asks for at most 64 rows of logits

std::string linear_shape(int64_t tokens, int64_t in, int64_t out) {
  return fmt::format("{} × {} → {}", tokens, in, out);
}

OpCase linear_case(std::string name, int64_t tokens, int64_t in, int64_t out, MatrixUse use) {
  return {.op = "linear",
          .name = std::move(name),
          .shape = linear_shape(tokens, in, out),
          .tokens = static_cast<double>(tokens),
          .prepare = [=](OpFixtures& f) { return f.linear(tokens, in, out, use); }};
}

OpCase published(OpCase op_case, double mean_ms, double sd_ms, double tokens_per_s = 0) {
  op_case.published = PublishedFigure{mean_ms, sd_ms, tokens_per_s};
  return op_case;
}

/// Collects the cases of one model in the order of its layers.
class ModelSuite {
 public:
  explicit ModelSuite(const ModelConfig& config)
      : config_(config), layout_{config.num_heads, config.num_kv_heads, config.head_dim} {}

  std::vector<OpCase> build() {
    const int64_t hidden = config_.hidden_size;
    projection("qkv projection", hidden, layout_.row_size());
    projection("output projection", layout_.q_size(), hidden);
    if (config_.num_experts > 0) {
      projection("router", hidden, config_.num_experts, MatrixUse::kRouter);
      gated_mlp("shared expert", config_.shared_intermediate_size());
      routing();
    }
    gated_mlp("dense layer", config_.intermediate_size);
    head();
    attention();
    elementwise();
    return std::move(cases_);
  }

 private:
  using Prepare = std::function<Result<PreparedOp>(OpFixtures&)>;

  void add(const char* op, std::string name, std::string shape, int64_t tokens, Prepare prepare) {
    cases_.push_back({op, std::move(name), std::move(shape), static_cast<double>(tokens),
                      std::move(prepare), std::nullopt});
  }

  void projection(const char* name, int64_t in, int64_t out, MatrixUse use = MatrixUse::kLinear) {
    for (const int64_t m : kBatches) cases_.push_back(linear_case(name, m, in, out, use));
  }

  void gated_mlp(const std::string& name, int64_t width) {
    if (width == 0) return;
    projection((name + ", gate and up").c_str(), config_.hidden_size, 2 * width);
    projection((name + ", down").c_str(), width, config_.hidden_size);
  }

  void routing() {
    const int64_t n = config_.num_experts, k = config_.experts_per_token;
    const int64_t hidden = config_.hidden_size, width = config_.moe_intermediate_size;
    for (const int64_t m : kBatches) {
      add("route", "routing", fmt::format("{} × {}, top {}", m, n, k), m,
          [=](OpFixtures& f) { return f.route(m, n, k); });
    }
    for (const int64_t m : kBatches) {
      add("experts", "routed experts",
          fmt::format("{} × {}, top {} of {}, width {}", m, hidden, k, n, width), m,
          [=](OpFixtures& f) { return f.experts(m, n, k, hidden, width); });
    }
  }

  void head() {
    const int64_t vocab = config_.vocab_size, hidden = config_.hidden_size;
    for (const int64_t m : kHeadRows) {
      cases_.push_back(linear_case("output head", m, hidden, vocab, MatrixUse::kEmbedding));
    }
    for (const int64_t m : kBatches) {
      add("embed", "embedding", fmt::format("{} of {} × {}", m, vocab, hidden), m,
          [=](OpFixtures& f) { return f.embed(m, vocab, hidden); });
    }
  }

  void attention() {
    const QkvLayout layout = layout_;
    for (const int64_t depth : kDepths) {
      for (const int64_t m : kDecodeBatches) {
        const std::vector<QuerySpan> all(static_cast<size_t>(m), {1, depth});
        add("attention", "attention, decode", fmt::format("{} at depth {}", m, depth), m,
            [=](OpFixtures& f) { return f.attention(all, layout); });
      }
    }
    for (const int64_t m : kPrompts) {
      add("attention", "attention, prefill", fmt::format("1 × {}", m), m, [=](OpFixtures& f) {
        return f.attention({{m, m}}, layout);
      });
    }
  }

  void elementwise() {
    const QkvLayout layout = layout_;
    const int64_t hidden = config_.hidden_size, width = config_.intermediate_size;
    const double theta = config_.rope_theta;
    const auto each = [&](const char* op, const char* name, int64_t columns, auto make) {
      for (const int64_t m : kBatches)
        add(op, name, fmt::format("{} × {}", m, columns), m, make(m));
    };
    each("rms_norm", "RMSNorm", hidden, [=](int64_t m) -> Prepare {
      return [=](OpFixtures& f) { return f.rms_norm(m, hidden); };
    });
    each("rope_table", "rotary table", layout.head_dim, [=](int64_t m) -> Prepare {
      return [=](OpFixtures& f) { return f.rope_table(m, layout.head_dim, theta); };
    });
    each("rope", "rotary embedding", layout.row_size(),
         [=](int64_t m) -> Prepare { return [=](OpFixtures& f) { return f.rope(m, layout); }; });
    each("store_kv", "store keys and values", layout.row_size(), [=](int64_t m) -> Prepare {
      return [=](OpFixtures& f) { return f.store_kv(m, layout); };
    });
    each("silu_mul", "SiLU product, dense layer", width,
         [=](int64_t m) -> Prepare { return [=](OpFixtures& f) { return f.silu_mul(m, width); }; });
    each("add", "residual sum", hidden,
         [=](int64_t m) -> Prepare { return [=](OpFixtures& f) { return f.add(m, hidden); }; });
    each("gather_rows", "row choice", hidden, [=](int64_t m) -> Prepare {
      return [=](OpFixtures& f) { return f.gather_rows(m, hidden); };
    });
  }

  const ModelConfig& config_;
  QkvLayout layout_;
  std::vector<OpCase> cases_;
};

}  // namespace

std::vector<OpCase> published_suite() {
  constexpr int64_t kRows = 512;
  const QkvLayout layout{.num_heads = 20, .num_kv_heads = 4, .head_dim = 128};
  const std::vector<QuerySpan> prompts(8, {512, 512});
  const auto matmul = [](int64_t in, int64_t out) {
    return linear_case(fmt::format("MatMul {} × {}", in, out), kRows, in, out, MatrixUse::kLinear);
  };
  const auto other = [](const char* op, const char* name, const char* shape, int64_t tokens,
                        std::function<Result<PreparedOp>(OpFixtures&)> prepare) {
    return OpCase{op, name, shape, static_cast<double>(tokens), std::move(prepare), std::nullopt};
  };
  return {
      published(matmul(2560, 2560), 0.1451, 0.0068),
      published(matmul(2560, 12288), 0.5431, 0.0031),
      published(matmul(1536, 2560), 0.1039, 0.0025),
      published(other("route", "MoE routing", "8192 × 64, top 6", 8192,
                      [](OpFixtures& f) { return f.route(8192, 64, 6); }),
                0.2374, 0.0041, 34'504'145),
      published(other("rms_norm", "RMSNorm", "16 × 512 × 2560", 16 * 512,
                      [](OpFixtures& f) { return f.rms_norm(16 * 512, 2560); }),
                0.3455, 0.0049),
      published(other("attention", "Attention", "8 × 512, 20/4 heads of 128, causal", 8 * 512,
                      [=](OpFixtures& f) { return f.attention(prompts, layout); }),
                1.2213, 0.0068, 3'353'822),
      published(linear_case("Linear", 64, 2560, 2560, MatrixUse::kLinear), 0.0620, 0.0094),
      published(other("silu_mul", "SiLU", "32 × 12288, with product", 32,
                      [](OpFixtures& f) { return f.silu_mul(32, 12288); }),
                0.0393, 0.0033),
  };
}

std::vector<OpCase> model_suite(const ModelConfig& config) { return ModelSuite(config).build(); }

}  // namespace ernie::bench
