#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "backend/cpu/cpu_context.h"

namespace ernie::cpu {
namespace {

/// Sorts those of the pairs [T * k] whose expert is here by expert id, tokens ascending within one,
/// into `order`, and finds the runs. Returns how many pairs these are.
int64_t group_by_expert(std::span<const int32_t> ids, int64_t first_expert, int64_t num_experts,
                        int32_t* order, std::vector<ExpertRun>& runs) {
  int64_t num_pairs = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (first_expert <= ids[i] && ids[i] < first_expert + num_experts)
      order[num_pairs++] = static_cast<int32_t>(i);
  }
  const auto id_of = [&](int32_t pair) { return ids[static_cast<size_t>(pair)]; };
  std::sort(order, order + num_pairs, [&](int32_t a, int32_t b) {
    return id_of(a) != id_of(b) ? id_of(a) < id_of(b) : a < b;
  });
  runs.clear();
  runs.reserve(static_cast<size_t>(num_experts));
  for (int64_t i = 0; i < num_pairs; ++i) {
    const int32_t id = id_of(order[i]);
    if (runs.empty() || runs.back().expert_id != id) runs.push_back({id, i, i});
    runs.back().end = i + 1;
  }
  return num_pairs;
}

/// out[t] = Σ weight * output over the token's pairs, in ascending order of expert. outputs: a row
/// for each of the sorted pairs in `order`.
void add_outputs(CpuContext& context, const float* outputs, std::span<const int32_t> order,
                 const Tensor& expert_weights, const Tensor& out) {
  const int64_t num_tokens = out.dim(0), hidden = out.dim(1), k = expert_weights.dim(1);
  // Where each token's pairs are in the order; ascending, and so in ascending order of expert.
  int64_t* const places = context.expert_places.of(num_tokens * k);
  int32_t* const num_places = context.num_places.of(num_tokens);
  std::fill(num_places, num_places + num_tokens, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const int64_t token = order[i] / k;
    places[token * k + num_places[token]++] = static_cast<int64_t>(i);
  }
  const int64_t work_ns = static_cast<int64_t>(order.size()) * hidden / kCopiesPerNs;
  context.threads.run(num_tokens, work_ns, [&](int64_t t, int) {
    float* sum = out.ptr<float>() + t * hidden;
    std::fill(sum, sum + hidden, 0.0f);
    for (int64_t j = 0; j < num_places[t]; ++j) {
      const int64_t place = places[t * k + j];
      const float weight = expert_weights.ptr<float>()[order[static_cast<size_t>(place)]];
      const float* output = outputs + place * hidden;
      for (int64_t i = 0; i < hidden; ++i) sum[i] += weight * output[i];
    }
  });
}

/// About how long the down projections take one thread. The gate takes as long, and so does the up
/// projection.
int64_t all_down_ns(const CpuExperts& experts, const std::vector<ExpertRun>& runs,
                    int64_t first_expert) {
  int64_t ns = 0;
  for (const ExpertRun& run : runs) {
    ns += matmul_ns(run.end - run.begin, experts.expert(run.expert_id - first_expert).down);
  }
  return ns;
}

/// Runs body(run, row_begin, row_end) for every expert's rows in pieces of kRowsPerTask.
template <typename Body>
void for_each_piece(CpuContext& context, const std::vector<ExpertRun>& runs, int64_t num_rows,
                    int64_t work_ns, const Body& body) {
  const int64_t pieces = (num_rows + kRowsPerTask - 1) / kRowsPerTask;
  const auto num_tasks = static_cast<int64_t>(runs.size()) * pieces;
  context.threads.run(num_tasks, work_ns, [&](int64_t task, int thread) {
    const int64_t begin = task % pieces * kRowsPerTask;
    body(runs[static_cast<size_t>(task / pieces)], begin, std::min(num_rows, begin + kRowsPerTask),
         thread);
  });
}

/// One token's experts and their weights. p, key: room for a number of each expert.
void route_token(std::span<const float> logits, const float* bias, float norm_min,
                 std::span<int32_t> ids, std::span<float> weights, float* p, float* key) {
  const size_t num_experts = logits.size();
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (size_t e = 0; e < num_experts; ++e) {
    const double exponential = std::exp(static_cast<double>(logits[e] - largest));
    p[e] = static_cast<float>(exponential);
    sum += exponential;
  }
  for (size_t e = 0; e < num_experts; ++e) {
    p[e] = static_cast<float>(static_cast<double>(p[e]) / sum);
    key[e] = p[e] + bias[e];
  }
  float chosen_sum = 0;
  for (int32_t& id : ids) {
    // Both numbers are small: repeated selection, the first of equal keys wins.
    const auto best = std::max_element(key, key + num_experts) - key;
    id = static_cast<int32_t>(best);
    key[best] = -INFINITY;
    chosen_sum += p[best];
  }
  const float denominator = std::max(chosen_sum, norm_min);
  for (size_t j = 0; j < ids.size(); ++j) weights[j] = p[ids[j]] / denominator;
}

}  // namespace

void route(CpuContext& context, const Tensor& logits, const float* bias, float norm_min,
           const Tensor& expert_ids, const Tensor& expert_weights) {
  constexpr int64_t kTokensPerTask = 32;  // some ten microseconds of work
  const int64_t num_tokens = logits.dim(0), num_experts = logits.dim(1);
  for (auto& scratch : context.per_thread) scratch.of(2 * num_experts);
  const int64_t num_tasks = (num_tokens + kTokensPerTask - 1) / kTokensPerTask;
  const int64_t work_ns = num_tokens * num_experts * kNsPerRoutedExpert;
  context.threads.run(num_tasks, work_ns, [&](int64_t task, int thread) {
    float* p = context.per_thread[static_cast<size_t>(thread)].of(2 * num_experts);
    const int64_t begin = task * kTokensPerTask, end = std::min(num_tokens, begin + kTokensPerTask);
    for (int64_t t = begin; t < end; ++t) {
      route_token(logits.row<float>(t), bias, norm_min, expert_ids.row<int32_t>(t),
                  expert_weights.row<float>(t), p, p + num_experts);
    }
  });
}

void experts(CpuContext& context, const Tensor& x, const Tensor& expert_ids,
             const Tensor& expert_weights, const CpuExperts& experts, int64_t first_expert,
             const Tensor& out) {
  const int64_t num_tokens = x.dim(0), hidden = x.dim(1), k = expert_ids.dim(1);
  const int64_t width = experts.dim(2), max_pairs = num_tokens * k;
  int32_t* const order = context.expert_order.of(max_pairs);
  const std::vector<ExpertRun>& runs = context.expert_runs;
  const int64_t num_pairs =
      group_by_expert({expert_ids.ptr<int32_t>(), static_cast<size_t>(max_pairs)}, first_expert,
                      experts.dim(0), order, context.expert_runs);

  float* const inputs = context.expert_inputs.of(max_pairs * hidden);
  float* const activated = context.expert_hidden.of(max_pairs * width);
  float* const outputs = context.expert_outputs.of(max_pairs * hidden);
  context.threads.run(num_pairs, num_pairs * hidden / kCopiesPerNs, [&](int64_t i, int) {
    const int64_t token = order[i] / k;
    std::memcpy(inputs + i * hidden, x.ptr<float>() + token * hidden,
                static_cast<size_t>(hidden) * sizeof(float));
  });
  for (auto& scratch : context.per_thread) scratch.of(num_tokens * kRowsPerTask);
  const int64_t down_ns = all_down_ns(experts, runs, first_expert);
  for_each_piece(context, runs, width, 2 * down_ns,
                 [&](const ExpertRun& run, int64_t begin, int64_t end, int thread) {
                   const CpuExperts::Expert& expert = experts.expert(run.expert_id - first_expert);
                   const float* input = inputs + run.begin * hidden;
                   float* gate = activated + run.begin * width + begin;
                   const int64_t count = run.end - run.begin, rows = end - begin;
                   float* up = context.per_thread[static_cast<size_t>(thread)].of(count * rows);
                   context.matmul(input, hidden, count, expert.gate, begin, end, gate, width);
                   context.matmul(input, hidden, count, expert.up, begin, end, up, rows);
                   for (int64_t i = 0; i < count; ++i) {
                     context.kernels.silu_mul(gate + i * width, up + i * rows, rows,
                                              gate + i * width);
                   }
                 });
  for_each_piece(context, runs, hidden, down_ns,
                 [&](const ExpertRun& run, int64_t begin, int64_t end, int) {
                   context.matmul(activated + run.begin * width, width, run.end - run.begin,
                                  experts.expert(run.expert_id - first_expert).down, begin, end,
                                  outputs + run.begin * hidden + begin, hidden);
                 });
  add_outputs(context, outputs, {order, static_cast<size_t>(num_pairs)}, expert_weights, out);
}

}  // namespace ernie::cpu
