#pragma once

/// The one interface between the model and a device.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "backend/communicator.h"
#include "backend/operands.h"
#include "base/result.h"
#include "base/tensor.h"

namespace ernie {

/// Memory, weight preparation and operations of one device.
///
/// Laws that every backend keeps:
/// - Batch invariance. What an operation computes for one token is a function of its inputs and its
///   own sequence alone, bit for bit: not of the other rows, of how a prompt was cut into chunks,
///   of the cache blocks used, or of the number of threads. So reductions have a fixed order that
///   only the operand's shape and the position determine.
/// - Copies and operations take effect in the order of the calls. Operations enqueue and return;
///   only
///   `copy_out`, `synchronize` and `end_step` may wait.
/// - A device that stops working is a value: whatever waits returns kDeviceLost, now and from then
///   on, and what was enqueued has no defined result.
/// - Nothing is allocated in a step once the largest batch was seen.
/// - Outputs may not alias inputs unless the operation says so.
///
/// The public operations check shapes and dtypes and then call the device's own `do_…`; a violation
/// is our bug and aborts. A device implements the plain operations; the fused ones compose them
/// until it has something faster. An operation whose output has no elements does nothing.
///
/// T = tokens in the batch, H = hidden_size. "act" is activation_dtype(). Tensors are device memory
/// of this backend, dense, row major. One thread uses a backend at a time.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;
  /// One line for the start-up log: instruction set, threads, numerics.
  virtual std::string describe() const = 0;
  /// F32 or BF16, or F64 for an oracle: what activations between operations are stored in.
  virtual DType activation_dtype() const = 0;

  // ---- Memory -------------------------------------------------------------------------------

  /// Zero-filled, aligned to 256 bytes; freed with the last copy of the pointer. Error: the device
  /// has not that much.
  virtual Result<std::shared_ptr<void>> allocate(size_t num_bytes) = 0;
  /// `host` may be reused when the call returns.
  virtual void copy_in(const void* host, const Tensor& device) = 0;
  /// Waits until `host` holds the values. Error: kDeviceLost.
  virtual Result<void> copy_out(const Tensor& device, void* host) = 0;
  /// Waits for everything enqueued. Error: kDeviceLost.
  virtual Result<void> synchronize() = 0;
  /// Error: the device has not that much memory.
  virtual Result<std::unique_ptr<KvCache>> allocate_kv_cache(const KvCacheShape& shape) = 0;
  /// Bytes of cache per token of context, all layers, for sizing.
  virtual size_t kv_bytes_per_token(const KvCacheShape& shape) const = 0;
  /// Copies keys and values of all layers, bit for bit, not within a step. No slot is written
  /// twice, or read and written.
  void copy_kv(KvCache& cache, std::span<const KvCopy> copies);

  // ---- Weights as they are stored in, an operand of the device out ----------------------------
  // The format that they are prepared in was chosen, for each use, when the backend was made.
  // Errors: the device has too little memory; kUnsupported, it cannot read the stored format; kIo.

  /// The matrices in `row_blocks`, all with the same number of columns, stacked from top to bottom.
  virtual Result<OperandPtr> prepare_matrix(std::span<const HostMatrix> row_blocks,
                                            MatrixUse use) = 0;
  /// A matrix of one row.
  virtual Result<OperandPtr> prepare_vector(const HostMatrix& vector, VectorUse use) = 0;
  /// shape: [experts.size(), hidden, intermediate]; there may be none.
  virtual Result<OperandPtr> prepare_experts(const Shape& shape,
                                             std::span<const ExpertMatrices> experts) = 0;

  // ---- Other ranks ----------------------------------------------------------------------------

  /// Joins the ranks of a sharded model on this device's stream. Error: kUnsupported for more ranks
  /// than the device can join; kDeviceLost.
  virtual Result<std::unique_ptr<Communicator>> connect(Shard shard);

  // ---- Steps --------------------------------------------------------------------------------

  /// Between the two only operations are called: the same ones on the same memory whenever the
  /// shape is the same, so that a device may record a step once and replay it. Operations outside a
  /// step are ordinary ones. Error of end_step: kDeviceLost, if it is known by then.
  virtual void begin_step(const StepShape&) {}
  virtual Result<void> end_step() { return {}; }

  // ---- Operations ---------------------------------------------------------------------------

  /// out[t, :] = table[token_ids[t] - first_row, :], zeros for an id whose row is not in the table.
  /// token_ids [T] I32, >= 0; table [rows, H]: rows [first_row, first_row + rows) of the
  /// vocabulary; out [T, H] act.
  void embed(const Tensor& token_ids, const Operand& table, int64_t first_row, const Tensor& out);

  /// out = round(x / sqrt(mean(x²) + eps)) * weight.  x, out [T, H] act; weight [H].
  /// The sum and the scale in float32 or wider; act BF16 rounds before the product and after it.
  void rms_norm(const Tensor& x, const Operand& weight, float eps, const Tensor& out);

  /// out = x Wᵀ, zeros if in is 0.  x [T, in] act; weight [out, in]; out [T, out] in act or F32.
  /// At least float32 accumulation, one rounding at the store.
  void linear(const Tensor& x, const Operand& weight, const Tensor& out);

  /// table[t, j] = (cos, sin) of positions[t] * theta^(-2j / head_dim), angles in float32.
  /// positions [T] I32, >= 0; table [T, head_dim / 2, 2] F32.
  void rope_table(const Tensor& positions, double theta, const Tensor& table);

  /// Rotates query and key heads in place, pairs (2j, 2j+1) by angle j, in float32.
  /// qkv [T, layout.row_size()] act.
  void rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table);

  /// Writes the key and value heads of each token to its slot.  slot_mapping [T] I32, distinct.
  void store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                KvCache& cache, int64_t layer);

  /// Causal grouped-query attention of each query token over its sequence's cached context:
  /// out = softmax(q kᵀ / sqrt(head_dim)) v.  qkv as above (only queries are read); out
  /// [T, num_heads * head_dim] act. Softmax in float32 or wider.
  void attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache, int64_t layer,
                 const AttentionBatch& batch, const Tensor& out);

  /// out = silu(gate) * up.  gate_up [T, 2 * I] act, the gate half first; out [T, I] act.
  void silu_mul(const Tensor& gate_up, const Tensor& out);

  /// out = x + y, act; out may be x or y.
  void add(const Tensor& x, const Tensor& y, const Tensor& out);

  /// Softmax over all experts; the k = expert_ids.dim(1) experts with the largest p + bias (the
  /// lower id on a tie), in descending order of it; their unbiased p divided by max(sum of them,
  /// norm_min). logits [T, num_experts] F32; bias [num_experts]; expert_ids [T, k] I32;
  /// expert_weights [T, k] F32.
  void route(const Tensor& logits, const Operand& bias, float norm_min, const Tensor& expert_ids,
             const Tensor& expert_weights);

  /// out[t] = Σ_j expert_weights[t, j] * SwiGLU of expert expert_ids[t, j] on x[t], summed in
  /// ascending order of expert id. `experts` holds those from first_expert on; an id that is not
  /// among them adds nothing.  x, out [T, H] act.
  void experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
               const Operand& experts, int64_t first_expert, const Tensor& out);

  /// out[i, :] = x[rows[i], :].  rows [N] I32; x, out act.
  void gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out);

  /// ids[i] = the index of the largest value of row i, the lower one on a tie; -1 for a row with a
  /// NaN or +inf or of -inf alone, which has no token to choose.  logits [N, V] act; ids [N] I32.
  void argmax(const Tensor& logits, const Tensor& ids);

  // ---- Fused operations: the bits of what they compose ---------------------------------------

  /// x = x + y, then out = rms_norm(x).  x, y, out [T, H] act.
  void add_rms_norm(const Tensor& x, const Tensor& y, const Operand& weight, float eps,
                    const Tensor& out);

  /// out = silu_mul(linear(x, gate_up)).  gate_up [2 * I, H]; scratch [T, 2 * I] act is left
  /// undefined; out [T, I] act.
  void gate_up_silu(const Tensor& x, const Operand& gate_up, const Tensor& scratch,
                    const Tensor& out);

  /// out = the routed experts of x: router logits, route, experts. `scratch` is left undefined.
  void moe(const Tensor& x, const MoeOperands& weights, const MoeScratch& scratch,
           const Tensor& out);

 protected:
  // Arguments as above, checked; no output is empty.
  virtual void do_copy_kv(KvCache& cache, std::span<const KvCopy> copies) = 0;
  virtual void do_embed(const Tensor& token_ids, const Operand& table, int64_t first_row,
                        const Tensor& out) = 0;
  virtual void do_rms_norm(const Tensor& x, const Operand& weight, float eps,
                           const Tensor& out) = 0;
  virtual void do_linear(const Tensor& x, const Operand& weight, const Tensor& out) = 0;
  virtual void do_rope_table(const Tensor& positions, double theta, const Tensor& table) = 0;
  virtual void do_rope(const Tensor& qkv, const QkvLayout& layout, const Tensor& table) = 0;
  virtual void do_store_kv(const Tensor& qkv, const QkvLayout& layout, const Tensor& slot_mapping,
                           KvCache& cache, int64_t layer) = 0;
  virtual void do_attention(const Tensor& qkv, const QkvLayout& layout, const KvCache& cache,
                            int64_t layer, const AttentionBatch& batch, const Tensor& out) = 0;
  virtual void do_silu_mul(const Tensor& gate_up, const Tensor& out) = 0;
  virtual void do_add(const Tensor& x, const Tensor& y, const Tensor& out) = 0;
  virtual void do_route(const Tensor& logits, const Operand& bias, float norm_min,
                        const Tensor& expert_ids, const Tensor& expert_weights) = 0;
  virtual void do_experts(const Tensor& x, const Tensor& expert_ids, const Tensor& expert_weights,
                          const Operand& experts, int64_t first_expert, const Tensor& out) = 0;
  virtual void do_gather_rows(const Tensor& x, const Tensor& rows, const Tensor& out) = 0;
  virtual void do_argmax(const Tensor& logits, const Tensor& ids) = 0;

  virtual void do_add_rms_norm(const Tensor& x, const Tensor& y, const Operand& weight, float eps,
                               const Tensor& out);
  virtual void do_gate_up_silu(const Tensor& x, const Operand& gate_up, const Tensor& scratch,
                               const Tensor& out);
  virtual void do_moe(const Tensor& x, const MoeOperands& weights, const MoeScratch& scratch,
                      const Tensor& out);
};

}  // namespace ernie
