#include "model/weights.h"

#include <array>

namespace ernie {
namespace {

/// Reads one rank's part of tensors whose names begin alike.
class ScopedReader {
 public:
  ScopedReader(const WeightSource& source, Backend& backend, const ModelShape& shape,
               std::string prefix)
      : source_(source), backend_(backend), shape_(shape), prefix_(std::move(prefix)) {}

  ScopedReader scope(const std::string& name) const {
    return {source_, backend_, shape_, prefix_ + name};
  }
  const ModelConfig& config() const { return source_.config(); }
  const ModelShape& shape() const { return shape_; }

  Result<HostMatrix> rows(const std::string& name, IndexRange range) const {
    ERNIE_TRY(const HostMatrix whole, source_.read(prefix_ + name));
    return whole.rows(range.begin, range.end);
  }
  Result<HostMatrix> columns(const std::string& name, IndexRange range) const {
    ERNIE_TRY(const HostMatrix whole, source_.read(prefix_ + name));
    return whole.columns(range.begin, range.end);
  }
  Result<OperandPtr> prepare(Result<HostMatrix> matrix, MatrixUse use) const {
    if (!matrix) return std::move(matrix).error();
    return backend_.prepare_matrix({&*matrix, 1}, use);
  }
  Result<OperandPtr> prepare(std::span<const HostMatrix> row_blocks) const {
    return backend_.prepare_matrix(row_blocks, MatrixUse::kLinear);
  }
  Result<OperandPtr> vector(const char* name, VectorUse use) const {
    ERNIE_TRY(const HostMatrix row, source_.read(prefix_ + name));
    return backend_.prepare_vector(row, use);
  }
  Result<OperandPtr> qkv() const {
    const int64_t dim = shape_.head_dim;
    const auto heads = [dim](IndexRange r) { return IndexRange{r.begin * dim, r.end * dim}; };
    ERNIE_TRY(HostMatrix q, rows("q_proj.weight", heads(shape_.heads)));
    ERNIE_TRY(HostMatrix k, rows("k_proj.weight", heads(shape_.kv_heads)));
    ERNIE_TRY(HostMatrix v, rows("v_proj.weight", heads(shape_.kv_heads)));
    return prepare(std::array{std::move(q), std::move(k), std::move(v)});
  }
  /// `range` of the intermediate width.
  Result<MlpWeights> mlp(IndexRange range) const {
    ERNIE_TRY(HostMatrix gate, rows("gate_proj.weight", range));
    ERNIE_TRY(HostMatrix up, rows("up_proj.weight", range));
    MlpWeights weights;
    ERNIE_TRY(weights.gate_up, prepare(std::array{std::move(gate), std::move(up)}));
    ERNIE_TRY(weights.down, prepare(columns("down_proj.weight", range), MatrixUse::kLinear));
    return weights;
  }
  Result<OperandPtr> experts() const {
    std::vector<ExpertMatrices> all;
    for (int64_t e = shape_.experts.begin; e < shape_.experts.end; ++e) {
      const std::string name = fmt::format("{}experts.{}.", prefix_, e);
      ERNIE_TRY(HostMatrix gate, source_.read(name + "gate_proj.weight"));
      ERNIE_TRY(HostMatrix up, source_.read(name + "up_proj.weight"));
      ERNIE_TRY(HostMatrix down, source_.read(name + "down_proj.weight"));
      all.push_back({std::move(gate), std::move(up), std::move(down)});
    }
    return backend_.prepare_experts(
        {shape_.experts.size(), config().hidden_size, config().moe_intermediate_size}, all);
  }

 private:
  const WeightSource& source_;
  Backend& backend_;
  const ModelShape& shape_;
  std::string prefix_;
};

Result<MoeWeights> load_moe(const ScopedReader& reader) {
  const ModelConfig& config = reader.config();
  MoeWeights moe;
  ERNIE_TRY(moe.router, reader.prepare(reader.rows("gate.weight", {0, config.num_experts}),
                                       MatrixUse::kRouter));
  ERNIE_TRY(moe.correction_bias,
            reader.vector("moe_statics.e_score_correction_bias", VectorUse::kRouterBias));
  ERNIE_TRY(moe.experts, reader.experts());
  if (config.num_shared_experts > 0) {
    ERNIE_TRY(moe.shared, reader.scope("shared_experts.").mlp(reader.shape().shared_intermediate));
  }
  return moe;
}

}  // namespace

Result<LayerWeights> load_layer(const WeightSource& source, Backend& backend,
                                const ModelShape& shape, int64_t layer_id) {
  const ScopedReader reader(source, backend, shape, fmt::format("model.layers.{}.", layer_id));
  const ScopedReader attention = reader.scope("self_attn.");
  const IndexRange q{shape.heads.begin * shape.head_dim, shape.heads.end * shape.head_dim};
  LayerWeights layer;
  ERNIE_TRY(layer.input_norm, reader.vector("input_layernorm.weight", VectorUse::kNorm));
  ERNIE_TRY(layer.qkv, attention.qkv());
  ERNIE_TRY(layer.output,
            attention.prepare(attention.columns("o_proj.weight", q), MatrixUse::kLinear));
  ERNIE_TRY(layer.post_norm, reader.vector("post_attention_layernorm.weight", VectorUse::kNorm));
  if (source.config().is_moe_layer(layer_id)) {
    ERNIE_TRY(layer.moe, load_moe(reader.scope("mlp.")));
  } else {
    ERNIE_TRY(layer.mlp, reader.scope("mlp.").mlp(shape.intermediate));
  }
  return layer;
}

Result<ModelWeights> load_weights(const WeightSource& source, Backend& backend,
                                  const ModelShape& shape, int64_t num_layers,
                                  const LoadProgress& progress) {
  const ScopedReader model(source, backend, shape, "model.");
  ModelWeights weights;
  ERNIE_TRY(weights.embedding, model.prepare(model.rows("embed_tokens.weight", shape.vocabulary),
                                             MatrixUse::kEmbedding));
  for (int64_t i = 0; i < num_layers; ++i) {
    ERNIE_TRY(LayerWeights layer, load_layer(source, backend, shape, i));
    weights.layers.push_back(std::move(layer));
    if (progress) progress(i + 1);
  }
  ERNIE_TRY(weights.final_norm, model.vector("norm.weight", VectorUse::kNorm));
  if (!source.config().tie_word_embeddings.value()) {
    const ScopedReader root(source, backend, shape, "");
    ERNIE_TRY(weights.untied_head,
              root.prepare(root.rows("lm_head.weight", shape.vocabulary), MatrixUse::kLinear));
  }
  return weights;
}

}  // namespace ernie
