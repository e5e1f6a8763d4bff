#include "model/model.h"

namespace ernie {
namespace {

void tell(ForwardObserver* observer, std::string_view what, int64_t layer, const Tensor& value) {
  if (observer != nullptr) observer->observe(what, layer, value);
}

}  // namespace

Result<std::unique_ptr<Model>> Model::load(const WeightSource& source, Backend& backend,
                                           const ModelLimits& limits,
                                           const LoadProgress& progress) {
  std::unique_ptr<Model> model(new Model(backend, source.config(), limits));
  ERNIE_TRY(model->act_, Activations::allocate(backend, source.config(), limits.max_tokens,
                                               limits.max_logit_rows));
  if (limits.stream_layers) model->streamed_ = &source;
  const int64_t num_layers = limits.stream_layers ? 0 : source.config().num_layers;
  ERNIE_TRY(model->weights_, load_weights(source, backend, num_layers, progress));
  return model;
}

// Pre-norm decoder: x += attention(norm(x)); x += mlp_or_moe(norm(x)).
Result<Tensor> Model::forward(const Batch& batch, KvCache& cache, ForwardObserver* observer) {
  const int64_t num_tokens = batch.num_tokens();
  ERNIE_CHECK(0 < num_tokens && num_tokens <= limits_.max_tokens, "{} tokens", num_tokens);
  const Tensor x = act_.hidden.rows(0, num_tokens);
  const Tensor normed = act_.normed.rows(0, num_tokens);
  const Tensor branch = act_.branch.rows(0, num_tokens);

  backend_.embed(batch.token_ids, *weights_.embedding, x);
  backend_.rope_table(batch.positions, config_.rope_theta, act_.rope_table.rows(0, num_tokens));
  tell(observer, "embedding", -1, x);
  for (int64_t i = 0; i < config_.num_layers; ++i) {
    ERNIE_TRY(const LayerWeights* weights, layer_weights(i));
    const LayerWeights& layer = *weights;
    backend_.rms_norm(x, *layer.input_norm, config_.rms_norm_eps, normed);
    attention_block(i, layer, batch, cache, normed, branch);
    tell(observer, "attention", i, branch);
    backend_.add(x, branch, x);

    backend_.rms_norm(x, *layer.post_norm, config_.rms_norm_eps, normed);
    if (layer.moe) {
      moe_block(i, *layer.moe, normed, branch, observer);
    } else {
      mlp_block(*layer.mlp, normed, branch);
      tell(observer, "mlp", i, branch);
    }
    backend_.add(x, branch, x);
    tell(observer, "layer", i, x);
  }
  backend_.rms_norm(x, *weights_.final_norm, config_.rms_norm_eps, normed);
  tell(observer, "final_norm", -1, normed);
  return normed;
}

Tensor Model::logits(const Tensor& hidden, const Tensor& rows) {
  const int64_t num_rows = rows.dim(0);
  ERNIE_CHECK(num_rows <= limits_.max_logit_rows, "{} rows", num_rows);
  const Tensor input = act_.head_input.rows(0, num_rows);
  const Tensor out = act_.logits.rows(0, num_rows);
  backend_.gather_rows(hidden, rows, input);
  backend_.linear(input, weights_.head(), out);
  return out;
}

Result<const LayerWeights*> Model::layer_weights(int64_t layer) {
  if (streamed_ == nullptr) return &weights_.layers[static_cast<size_t>(layer)];
  ERNIE_TRY_VOID(backend_.synchronize());  // the layer before may still be in use
  weights_.layers.clear();
  ERNIE_TRY(LayerWeights loaded, load_layer(*streamed_, backend_, layer));
  weights_.layers.push_back(std::move(loaded));
  return &weights_.layers.front();
}

void Model::attention_block(int64_t layer, const LayerWeights& weights, const Batch& batch,
                            KvCache& cache, const Tensor& x, const Tensor& out) {
  const int64_t num_tokens = x.dim(0);
  const QkvLayout layout = qkv_layout();
  const Tensor qkv = act_.qkv.rows(0, num_tokens);
  const Tensor attended = act_.attention.rows(0, num_tokens);
  backend_.linear(x, *weights.qkv, qkv);
  backend_.rope(qkv, layout, act_.rope_table.rows(0, num_tokens));
  backend_.store_kv(qkv, layout, batch.slot_mapping, cache, layer);
  backend_.attention(qkv, layout, cache, layer, batch.attention, attended);
  backend_.linear(attended, *weights.output, out);
}

void Model::mlp_block(const MlpWeights& mlp, const Tensor& x, const Tensor& out) {
  const int64_t intermediate_size = mlp.down->dim(1);
  const Tensor gate_up = first_rows(act_.gate_up, x.dim(0), 2 * intermediate_size);
  const Tensor activated = first_rows(act_.activated, x.dim(0), intermediate_size);
  backend_.linear(x, *mlp.gate_up, gate_up);
  backend_.silu_mul(gate_up, activated);
  backend_.linear(activated, *mlp.down, out);
}

// out = Σ weight_e * expert_e(x) over the chosen experts, + the shared expert.
void Model::moe_block(int64_t layer, const MoeWeights& moe, const Tensor& x, const Tensor& out,
                      ForwardObserver* observer) {
  const int64_t num_tokens = x.dim(0);
  const Tensor router_logits = act_.router_logits.rows(0, num_tokens);
  const Tensor expert_ids = act_.expert_ids.rows(0, num_tokens);
  const Tensor expert_weights = act_.expert_weights.rows(0, num_tokens);
  backend_.linear(x, *moe.router, router_logits);
  tell(observer, "router_logits", layer, router_logits);
  backend_.route(router_logits, *moe.correction_bias, config_.moe_norm_min, expert_ids,
                 expert_weights);
  tell(observer, "expert_ids", layer, expert_ids);
  tell(observer, "expert_weights", layer, expert_weights);
  backend_.experts(x, expert_ids, expert_weights, *moe.experts, out);
  tell(observer, "routed", layer, out);
  if (moe.shared) {
    const Tensor shared = act_.shared.rows(0, num_tokens);
    mlp_block(*moe.shared, x, shared);
    tell(observer, "shared", layer, shared);
    backend_.add(out, shared, out);
  }
}

}  // namespace ernie
