// The runs themselves, on a model of a few thousand weights: how much is measured, not how fast.

#include <gtest/gtest.h>

#include <algorithm>

#include "backend/registry.h"
#include "bench/throughput.h"
#include "checkpoint/checkpoint.h"

namespace ernie::bench {
namespace {

constexpr double kLimitsSeconds = 0;

std::unique_ptr<Engine> tiny_engine(const EngineOptions& options) {
  auto backend = make_backend("cpu", {.dtype = DType::kF32, .num_threads = 1}).value();
  const auto weights = open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_shared").value();
  return Engine::create(std::move(backend), *weights, nullptr, options).value();
}

EngineOptions tiny_options() {
  return {.max_model_len = 64, .max_num_seqs = 3, .max_num_batched_tokens = 16, .block_size = 4};
}

TEST(TinyModel, LatencyMeasuresEveryRowThatIsAskedFor) {
  LatencyRun run;
  run.options = {.input_lens = {5, 20},
                 .depths = {0, 9},
                 .batch_sizes = {1, 3},
                 .output_len = 4,
                 .num_iters = 3,
                 .num_iters_warmup = 2};
  auto engine = tiny_engine(tiny_options());
  run.facts = model_facts(*engine, DType::kF32);
  const auto done = run_latency(std::move(engine), 1, kLimitsSeconds, run);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(run.prefill.size(), 4u);
  ASSERT_EQ(run.decode.size(), 4u);
  for (const PrefillResult& row : run.prefill) {
    EXPECT_EQ(row.batch_s.size(), 3u) << "without the warm-up";
    EXPECT_EQ(row.first_token_s.size(), static_cast<size_t>(3 * row.batch_size));
    EXPECT_LE(*std::ranges::max_element(row.first_token_s), *std::ranges::max_element(row.batch_s));
    EXPECT_GT(row.limit.seconds, 0);
  }
  EXPECT_EQ(run.prefill[3].input_len, 20);
  EXPECT_EQ(run.prefill[3].batch_size, 3);
  EXPECT_EQ(run.prefill[3].step_costs.size(), 4u) << "60 tokens by 16 a step";
  for (const DecodeResult& row : run.decode) {
    EXPECT_EQ(row.step_s.size(), 12u) << "three iterations of four steps";
    EXPECT_GT(*std::ranges::min_element(row.step_s), 0);
  }
  EXPECT_GT(run.decode[1].step_cost.bytes, run.decode[0].step_cost.bytes) << "a deeper context";
  EXPECT_GT(run.limits.all_read_gb_per_s, 0);
}

TEST(TinyModel, FactsAreThoseOfTheEngine) {
  const auto engine = tiny_engine(tiny_options());
  const ModelFacts facts = model_facts(*engine, DType::kF32);
  EXPECT_EQ(facts.max_model_len, 64);
  EXPECT_EQ(facts.max_num_seqs, 3);
  EXPECT_EQ(facts.max_num_batched_tokens, 16);
  EXPECT_EQ(facts.element_bytes.weight, 4);
  EXPECT_EQ(facts.element_bytes.kv, 4);
  EXPECT_EQ(facts.element_bytes.activation, 4);
  const ModelConfig& config = engine->config();
  // Sixteen blocks of four tokens for each of three sequences; keys and values of F32.
  EXPECT_EQ(facts.kv_cache_bytes,
            3 * 64 * config.num_layers * 2 * config.num_kv_heads * config.head_dim * 4);
}

TEST(TinyModel, ACacheTooSmallForTheBatchIsAnError) {
  EngineOptions options = tiny_options();
  const int64_t one_context = model_facts(*tiny_engine(options), DType::kF32).kv_cache_bytes / 3;
  options.kv_cache_bytes = one_context;
  LatencyRun run;
  run.options = {.input_lens = {}, .depths = {30}, .batch_sizes = {3}, .output_len = 8};
  const auto done = run_latency(tiny_engine(options), 1, kLimitsSeconds, run);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kOutOfMemory);
  EXPECT_TRUE(
      done.error().message.ends_with("the KV cache is too small for --batch-size 3 at --depth 30"))
      << done.error().message;
}

GenerationRequest request_of(int64_t prompt_len, int32_t max_tokens) {
  GenerationRequest request;
  request.prompt_ids.assign(static_cast<size_t>(prompt_len), 5);
  request.params.temperature = 0;
  request.params.ignore_eos = true;
  request.params.max_tokens = max_tokens;
  return request;
}

TEST(TinyModel, ThroughputCountsWhatWasComputed) {
  ThroughputRun run;
  const auto done =
      run_throughput(tiny_engine(tiny_options()),
                     {request_of(4, 6), request_of(2, 1), request_of(9, 3), request_of(3, 2)}, 1,
                     kLimitsSeconds, run);
  ASSERT_TRUE(done) << done.error().message;
  const ThroughputFigures figures = throughput_figures(run);
  EXPECT_EQ(figures.num_prompt_tokens, 18);
  EXPECT_EQ(figures.num_output_tokens, 12);
  int64_t num_tokens = 0;
  double last = 0;
  for (const ThroughputStep& step : run.steps) {
    EXPECT_LE(step.num_tokens, 3) << "no more than --max-num-seqs";
    EXPECT_GE(step.end_s, last);
    num_tokens += step.num_tokens;
    last = step.end_s;
  }
  EXPECT_EQ(num_tokens, 12);
  EXPECT_EQ(run.elapsed_s, last);
  ASSERT_EQ(run.requests.size(), 4u);
  EXPECT_EQ(run.requests[0].num_output_tokens, 1) << "the first to finish";
  for (const RequestTimes& request : run.requests) {
    EXPECT_LE(request.first_token_s, request.total_s);
    EXPECT_LE(request.total_s, run.elapsed_s);
  }
}

TEST(TinyModel, ThroughputNamesTheRequestThatIsRefused) {
  ThroughputRun run;
  const auto done = run_throughput(tiny_engine(tiny_options()),
                                   {request_of(4, 6), request_of(64, 1)}, 1, kLimitsSeconds, run);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message.starts_with("request 2: prompt: ")) << done.error().message;
  EXPECT_TRUE(run.steps.empty()) << "nothing was computed";
}

}  // namespace
}  // namespace ernie::bench
