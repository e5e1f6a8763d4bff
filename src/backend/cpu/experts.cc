#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "backend/cpu/cpu_context.h"

namespace ernie::cpu {
namespace {

/// A run of (token, expert) pairs with the same expert, after sorting by expert and then token.
struct ExpertRun {
  int32_t expert_id;
  int64_t begin, end;  // in the sorted pairs
};

/// Sorts those of the pairs [T * k] whose expert is here by expert id, tokens ascending within one,
/// into `order`.
std::vector<ExpertRun> group_by_expert(std::span<const int32_t> ids, int64_t first_expert,
                                       int64_t num_experts, std::vector<int32_t>& order) {
  order.clear();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (first_expert <= ids[i] && ids[i] < first_expert + num_experts)
      order.push_back(static_cast<int32_t>(i));
  }
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return ids[a] != ids[b] ? ids[a] < ids[b] : a < b; });
  std::vector<ExpertRun> runs;
  for (int64_t i = 0; i < static_cast<int64_t>(order.size()); ++i) {
    const int32_t id = ids[order[static_cast<size_t>(i)]];
    if (runs.empty() || runs.back().expert_id != id) runs.push_back({id, i, i});
    runs.back().end = i + 1;
  }
  return runs;
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
  for (Scratch& scratch : context.per_thread) scratch.floats(2 * num_experts);
  const int64_t num_tasks = (num_tokens + kTokensPerTask - 1) / kTokensPerTask;
  const int64_t work_ns = num_tokens * num_experts * kNsPerRoutedExpert;
  context.threads.run(num_tasks, work_ns, [&](int64_t task, int thread) {
    float* p = context.per_thread[static_cast<size_t>(thread)].floats(2 * num_experts);
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
  const int64_t width = experts.dim(2);
  const std::span<const int32_t> ids{expert_ids.ptr<int32_t>(),
                                     static_cast<size_t>(num_tokens * k)};
  const std::vector<ExpertRun> runs =
      group_by_expert(ids, first_expert, experts.dim(0), context.expert_order);
  const std::vector<int32_t>& order = context.expert_order;
  const auto num_pairs = static_cast<int64_t>(order.size());

  float* inputs = context.expert_inputs.floats(num_pairs * hidden);
  float* activated = context.expert_hidden.floats(num_pairs * width);
  float* outputs = context.expert_outputs.floats(num_pairs * hidden);
  const int64_t copy_ns = num_pairs * hidden / kCopiesPerNs;
  context.threads.run(num_pairs, copy_ns, [&](int64_t i, int) {
    const int64_t token = order[static_cast<size_t>(i)] / k;
    std::memcpy(inputs + i * hidden, x.ptr<float>() + token * hidden,
                static_cast<size_t>(hidden) * sizeof(float));
  });
  for (Scratch& scratch : context.per_thread) scratch.floats(num_tokens * kRowsPerTask);
  const int64_t down_ns = all_down_ns(experts, runs, first_expert);
  for_each_piece(context, runs, width, 2 * down_ns,
                 [&](const ExpertRun& run, int64_t begin, int64_t end, int thread) {
                   const CpuExperts::Expert& expert = experts.expert(run.expert_id - first_expert);
                   const float* input = inputs + run.begin * hidden;
                   float* gate = activated + run.begin * width + begin;
                   const int64_t count = run.end - run.begin, rows = end - begin;
                   float* up = context.per_thread[static_cast<size_t>(thread)].floats(count * rows);
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

  // Where each pair went; a token's pairs in ascending order of expert are in ascending order
  // there.
  std::vector<int64_t> places(ids.size(), -1);  // -1: the expert is elsewhere
  for (int64_t i = 0; i < num_pairs; ++i)
    places[static_cast<size_t>(order[static_cast<size_t>(i)])] = i;
  context.threads.run(num_tokens, copy_ns, [&](int64_t t, int) {
    std::vector<int64_t> mine(places.begin() + t * k, places.begin() + (t + 1) * k);
    std::sort(mine.begin(), mine.end());
    float* sum = out.ptr<float>() + t * hidden;
    std::fill(sum, sum + hidden, 0.0f);
    for (const int64_t place : mine) {
      if (place < 0) continue;
      const float weight = expert_weights.ptr<float>()[order[static_cast<size_t>(place)]];
      for (int64_t i = 0; i < hidden; ++i) sum[i] += weight * outputs[place * hidden + i];
    }
  });
}

}  // namespace ernie::cpu
