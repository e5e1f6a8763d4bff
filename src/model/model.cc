#include "model/model.h"

namespace ernie {
namespace {

void tell(ForwardObserver* observer, Tap tap, int64_t layer, const Tensor& value) {
  if (observer != nullptr) observer->observe(tap, layer, value);
}

}  // namespace

Result<std::unique_ptr<Model>> Model::load(const WeightSource& source, Backend& backend,
                                           const ModelLimits& limits,
                                           const LoadProgress& progress) {
  std::unique_ptr<Model> model(new Model(backend, source.config(), limits));
  model->communicator_ = limits.communicator;
  if (limits.communicator == nullptr) {
    ERNIE_TRY(model->whole_, backend.connect({}));
    model->communicator_ = model->whole_.get();
  }
  model->shape_ = shape_of(source.config(), model->communicator_->shard());
  ERNIE_TRY(model->act_, Activations::allocate(backend, source.config(), model->shape_,
                                               limits.max_tokens, limits.max_logit_rows));
  if (limits.stream_layers) model->streamed_ = &source;
  const int64_t num_layers = limits.stream_layers ? 0 : source.config().num_layers;
  ERNIE_TRY(model->weights_, load_weights(source, backend, model->shape_, num_layers, progress));
  return model;
}

// Pre-norm decoder: x += attention(norm(x)); x += mlp_or_moe(norm(x)). What each rank adds to the
// residual stream is its part of a sum over the ranks.
Result<Tensor> Model::forward(const Batch& batch, KvCache& cache, ForwardObserver* observer) {
  const int64_t num_tokens = batch.num_tokens();
  ERNIE_CHECK(0 < num_tokens && num_tokens <= limits_.max_tokens, "{} tokens", num_tokens);
  const Tensor x = act_.hidden.rows(0, num_tokens);
  const Tensor normed = act_.normed.rows(0, num_tokens);
  const Tensor branch = act_.branch.rows(0, num_tokens);

  backend_.embed(batch.token_ids, *weights_.embedding, shape_.vocabulary.begin, x);
  communicator_->all_reduce(x);
  backend_.rope_table(batch.positions, config_.rope_theta, act_.rope_table.rows(0, num_tokens));
  tell(observer, Tap::kEmbedding, -1, x);
  for (int64_t i = 0; i < config_.num_layers; ++i) {
    ERNIE_TRY(const LayerWeights* layer, layer_weights(i));
    if (i == 0) {
      backend_.rms_norm(x, *layer->input_norm, config_.norm_eps, normed);
    } else {
      add_branch(x, branch, *layer->input_norm, normed, observer, i - 1);
    }
    attention_block(i, *layer, batch, cache, normed, branch);
    communicator_->all_reduce(branch);
    tell(observer, Tap::kAttention, i, branch);

    add_branch(x, branch, *layer->post_norm, normed, observer, -1);
    if (layer->moe) {
      moe_block(i, *layer->moe, normed, branch, observer);
    } else {
      mlp_block(*layer->mlp, normed, branch);
      tell(observer, Tap::kMlp, i, branch);
    }
    communicator_->all_reduce(branch);
  }
  add_branch(x, branch, *weights_.final_norm, normed, observer, config_.num_layers - 1);
  tell(observer, Tap::kFinalNorm, -1, normed);
  return normed;
}

Tensor Model::logits(const Tensor& hidden, const Tensor& rows) {
  const int64_t num_rows = rows.dim(0);
  ERNIE_CHECK(num_rows <= limits_.max_logit_rows, "{} rows", num_rows);
  const Tensor input = act_.head_input.rows(0, num_rows);
  const Tensor out = act_.logits.rows(0, num_rows);
  const int64_t width = shape_.vocabulary.size();
  const Tensor local =
      width == config_.vocab_size ? out : first_rows(act_.local_logits, num_rows, width);
  backend_.gather_rows(hidden, rows, input);
  backend_.linear(input, weights_.head(), local);
  communicator_->all_gather(local, out);
  return out;
}

Tensor Model::greedy_ids(const Tensor& logits) {
  const Tensor ids = act_.greedy_ids.rows(0, logits.dim(0));
  backend_.argmax(logits, ids);
  return ids;
}

Result<const LayerWeights*> Model::layer_weights(int64_t layer) {
  if (streamed_ == nullptr) return &weights_.layers[static_cast<size_t>(layer)];
  ERNIE_TRY_VOID(backend_.synchronize());  // the layer before may still be in use
  weights_.layers.clear();
  ERNIE_TRY(LayerWeights loaded, load_layer(*streamed_, backend_, shape_, layer));
  weights_.layers.push_back(std::move(loaded));
  return &weights_.layers.front();
}

/// x += branch; normed = norm(x). An observer sees x in between where it is a layer's output.
void Model::add_branch(const Tensor& x, const Tensor& branch, const Operand& norm,
                       const Tensor& normed, ForwardObserver* observer, int64_t finished_layer) {
  if (observer == nullptr) {
    backend_.add_rms_norm(x, branch, norm, config_.norm_eps, normed);
    return;
  }
  backend_.add(x, branch, x);
  if (finished_layer >= 0) tell(observer, Tap::kLayer, finished_layer, x);
  backend_.rms_norm(x, norm, config_.norm_eps, normed);
}

void Model::attention_block(int64_t layer, const LayerWeights& weights, const Batch& batch,
                            KvCache& cache, const Tensor& x, const Tensor& out) {
  const int64_t num_tokens = x.dim(0);
  const QkvLayout layout = shape_.qkv_layout();
  const Tensor qkv = act_.qkv.rows(0, num_tokens);
  const Tensor attended = act_.attention.rows(0, num_tokens);
  backend_.linear(x, *weights.qkv, qkv);
  backend_.rope(qkv, layout, act_.rope_table.rows(0, num_tokens));
  backend_.store_kv(qkv, layout, batch.slot_mapping, cache, layer);
  backend_.attention(qkv, layout, cache, layer, batch.attention, attended);
  backend_.linear(attended, *weights.output, out);
}

void Model::mlp_block(const MlpWeights& mlp, const Tensor& x, const Tensor& out) {
  const int64_t width = mlp.down->dim(1);
  const Tensor gate_up = first_rows(act_.gate_up, x.dim(0), 2 * width);
  const Tensor activated = first_rows(act_.activated, x.dim(0), width);
  backend_.gate_up_silu(x, *mlp.gate_up, gate_up, activated);
  backend_.linear(activated, *mlp.down, out);
}

// out = Σ weight_e * expert_e(x) over the chosen experts, + the shared expert.
void Model::moe_block(int64_t layer, const MoeWeights& moe, const Tensor& x, const Tensor& out,
                      ForwardObserver* observer) {
  routed_experts(layer, moe, x, out, observer);
  if (!moe.shared) return;
  const Tensor shared = act_.shared.rows(0, x.dim(0));
  mlp_block(*moe.shared, x, shared);
  tell(observer, Tap::kShared, layer, shared);
  backend_.add(out, shared, out);
}

/// An observer sees each of the three operations that Backend::moe fuses.
void Model::routed_experts(int64_t layer, const MoeWeights& moe, const Tensor& x, const Tensor& out,
                           ForwardObserver* observer) {
  const int64_t num_tokens = x.dim(0);
  const MoeOperands operands{.router = *moe.router,
                             .bias = *moe.correction_bias,
                             .experts = *moe.experts,
                             .first_expert = shape_.experts.begin,
                             .norm_min = config_.moe_norm_min};
  const MoeScratch scratch{.router_logits = act_.router_logits.rows(0, num_tokens),
                           .expert_ids = act_.expert_ids.rows(0, num_tokens),
                           .expert_weights = act_.expert_weights.rows(0, num_tokens)};
  if (observer == nullptr) {
    backend_.moe(x, operands, scratch, out);
    return;
  }
  backend_.linear(x, operands.router, scratch.router_logits);
  tell(observer, Tap::kRouterLogits, layer, scratch.router_logits);
  backend_.route(scratch.router_logits, operands.bias, operands.norm_min, scratch.expert_ids,
                 scratch.expert_weights);
  tell(observer, Tap::kExpertIds, layer, scratch.expert_ids);
  tell(observer, Tap::kExpertWeights, layer, scratch.expert_weights);
  backend_.experts(x, scratch.expert_ids, scratch.expert_weights, operands.experts,
                   operands.first_expert, out);
  tell(observer, Tap::kRouted, layer, out);
}

}  // namespace ernie
