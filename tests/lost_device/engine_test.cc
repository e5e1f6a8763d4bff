// An engine whose device is lost in the middle of its work.

#include <gtest/gtest.h>

#include <map>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "lost_device/losing_backend.h"

namespace ernie::testing {
namespace {

constexpr int kRequests = 5;

std::unique_ptr<Engine> losing_engine(int lost_at) {
  auto backend = make_backend("cpu", {.dtype = DType::kF32, .num_threads = 1}).value();
  return Engine::create(make_losing_backend(std::move(backend), lost_at),
                        *make_dummy_weights(*preset_model_config("tiny"), 1), nullptr,
                        {.max_model_len = 64, .max_num_seqs = 3, .max_num_batched_tokens = 16})
      .value();
}

/// Two of three want logits, so that both ways out of the device are taken.
GenerationRequest request(int i) {
  GenerationRequest request;
  for (int t = 0; t <= 7 * i; ++t) request.prompt_ids.push_back(1 + (3 * t + i) % 50);
  request.params.max_tokens = 6;
  request.params.ignore_eos = true;
  request.params.temperature = i % 3 == 0 ? 0.0f : 1.0f;
  if (i % 3 == 1) request.params.prompt_logprobs = 1;
  return request;
}

TEST(LostDevice, EveryRequestEndsWithTheError) {
  for (int lost_at = 1; lost_at <= 12; ++lost_at) {
    SCOPED_TRACE(lost_at);
    const auto engine = losing_engine(lost_at);
    std::map<RequestId, int> num_ends;
    std::map<RequestId, RequestOutput> last;
    for (int i = 0; i < kRequests; ++i) num_ends[engine->add_request(request(i)).value()] = 0;
    int num_steps = 0;
    while (engine->has_unfinished()) {
      ASSERT_LT(++num_steps, 1000);
      for (RequestOutput& output : engine->step()) {
        if (!output.finish_reason) continue;
        ++num_ends[output.request_id];
        last[output.request_id] = std::move(output);
      }
    }
    int num_failed = 0;
    for (const auto& [id, ends] : num_ends) {
      EXPECT_EQ(ends, 1) << "request " << id;
      if (last[id].finish_reason != FinishReason::kError) continue;
      ++num_failed;
      EXPECT_EQ(last[id].error, "cpu: the device stopped working");
    }
    EXPECT_GT(num_failed, 0);
    ASSERT_FALSE(engine->health());
    EXPECT_EQ(engine->health().error().code, ErrorCode::kDeviceLost);
    const auto refused = engine->add_request(request(0));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kDeviceLost);
    EXPECT_TRUE(engine->step().empty());
  }
}

TEST(LostDevice, IsHealthyAsLongAsNothingFails) {
  const auto engine = losing_engine(0);
  ASSERT_TRUE(engine->add_request(request(2)));
  while (engine->has_unfinished()) engine->step();
  EXPECT_TRUE(engine->health());
}

}  // namespace
}  // namespace ernie::testing
