#include "model/weights.h"

namespace ernie {
namespace {

/// Reads tensors whose names begin alike.
class ScopedReader {
 public:
  ScopedReader(const WeightSource& source, Backend& backend, std::string prefix)
      : source_(source), backend_(backend), prefix_(std::move(prefix)) {}

  ScopedReader scope(const std::string& name) const { return {source_, backend_, prefix_ + name}; }

  /// The named matrices stacked from top to bottom.
  Result<OperandPtr> matrix(std::initializer_list<const char*> names, MatrixUse use) const {
    std::vector<HostMatrix> blocks;
    for (const char* name : names) {
      ERNIE_TRY(HostMatrix block, source_.read(prefix_ + name));
      blocks.push_back(std::move(block));
    }
    return backend_.prepare_matrix(blocks, use);
  }
  Result<OperandPtr> vector(const char* name, VectorUse use) const {
    ERNIE_TRY(const HostMatrix row, source_.read(prefix_ + name));
    return backend_.prepare_vector(row, use);
  }
  Result<MlpWeights> mlp() const {
    ERNIE_TRY(OperandPtr gate_up,
              matrix({"gate_proj.weight", "up_proj.weight"}, MatrixUse::kLinear));
    ERNIE_TRY(OperandPtr down, matrix({"down_proj.weight"}, MatrixUse::kLinear));
    return MlpWeights{std::move(gate_up), std::move(down)};
  }
  Result<OperandPtr> experts(const ModelConfig& config) const {
    std::vector<ExpertMatrices> all;
    for (int64_t e = 0; e < config.num_experts; ++e) {
      const std::string name = fmt::format("{}experts.{}.", prefix_, e);
      ERNIE_TRY(HostMatrix gate, source_.read(name + "gate_proj.weight"));
      ERNIE_TRY(HostMatrix up, source_.read(name + "up_proj.weight"));
      ERNIE_TRY(HostMatrix down, source_.read(name + "down_proj.weight"));
      all.push_back({std::move(gate), std::move(up), std::move(down)});
    }
    return backend_.prepare_experts(
        {config.num_experts, config.hidden_size, config.moe_intermediate_size}, all);
  }

 private:
  const WeightSource& source_;
  Backend& backend_;
  std::string prefix_;
};

Result<MoeWeights> load_moe(const ScopedReader& reader, const ModelConfig& config) {
  MoeWeights moe;
  ERNIE_TRY(moe.router, reader.matrix({"gate.weight"}, MatrixUse::kRouter));
  ERNIE_TRY(moe.correction_bias,
            reader.vector("moe_statics.e_score_correction_bias", VectorUse::kRouterBias));
  ERNIE_TRY(moe.experts, reader.experts(config));
  if (config.num_shared_experts > 0) {
    ERNIE_TRY(moe.shared, reader.scope("shared_experts.").mlp());
  }
  return moe;
}

Result<LayerWeights> read_layer(const ScopedReader& reader, const ModelConfig& config,
                                bool is_moe) {
  LayerWeights layer;
  const ScopedReader attention = reader.scope("self_attn.");
  ERNIE_TRY(layer.input_norm, reader.vector("input_layernorm.weight", VectorUse::kNorm));
  ERNIE_TRY(layer.qkv, attention.matrix({"q_proj.weight", "k_proj.weight", "v_proj.weight"},
                                        MatrixUse::kLinear));
  ERNIE_TRY(layer.output, attention.matrix({"o_proj.weight"}, MatrixUse::kLinear));
  ERNIE_TRY(layer.post_norm, reader.vector("post_attention_layernorm.weight", VectorUse::kNorm));
  if (is_moe) {
    ERNIE_TRY(layer.moe, load_moe(reader.scope("mlp."), config));
  } else {
    ERNIE_TRY(layer.mlp, reader.scope("mlp.").mlp());
  }
  return layer;
}

}  // namespace

Result<LayerWeights> load_layer(const WeightSource& source, Backend& backend, int64_t layer) {
  const ModelConfig& config = source.config();
  const ScopedReader reader(source, backend, fmt::format("model.layers.{}.", layer));
  return read_layer(reader, config, config.is_moe_layer(layer));
}

Result<ModelWeights> load_weights(const WeightSource& source, Backend& backend, int64_t num_layers,
                                  const LoadProgress& progress) {
  const ModelConfig& config = source.config();
  const ScopedReader model(source, backend, "model.");
  ModelWeights weights;
  ERNIE_TRY(weights.embedding, model.matrix({"embed_tokens.weight"}, MatrixUse::kEmbedding));
  for (int64_t i = 0; i < num_layers; ++i) {
    ERNIE_TRY(LayerWeights layer, load_layer(source, backend, i));
    weights.layers.push_back(std::move(layer));
    if (progress) progress(i + 1);
  }
  ERNIE_TRY(weights.final_norm, model.vector("norm.weight", VectorUse::kNorm));
  if (!config.tie_word_embeddings.value()) {
    const ScopedReader root(source, backend, "");
    ERNIE_TRY(weights.untied_head, root.matrix({"lm_head.weight"}, MatrixUse::kLinear));
  }
  return weights;
}

}  // namespace ernie
