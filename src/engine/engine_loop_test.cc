#include "engine/engine_loop.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/scripted_engine.h"

namespace ernie {
namespace {

using namespace std::chrono_literals;

GenerationRequest request_of(TokenId first, int32_t num_tokens) {
  GenerationRequest request;
  request.prompt_ids = {first, 1};
  request.params.max_tokens = num_tokens;
  return request;
}

std::unique_ptr<EngineLoop> make_loop(Script& script, EngineLoopOptions options = {}) {
  return EngineLoop::create(std::make_unique<ScriptedEngine>(script), std::move(options)).value();
}

/// All that is still to come, as one output.
RequestOutput read_all(TokenStream& stream) {
  RequestOutput all;
  while (auto update = stream.next()) merge(all, *std::move(update));
  EXPECT_TRUE(stream.ended());
  return all;
}

std::vector<TokenId> counted(TokenId first, TokenId count) {
  std::vector<TokenId> ids;
  for (TokenId i = 0; i < count; ++i) ids.push_back(first + i);
  return ids;
}

TEST(EngineLoop, AnAnswerArrivesWholeAndEndsOnce) {
  Script script;
  const auto loop = make_loop(script);
  TokenStream stream = loop->submit(request_of(100, 50)).value();
  EXPECT_FALSE(stream.ended());
  const RequestOutput answer = read_all(stream);
  EXPECT_EQ(answer.token_ids, counted(100, 50));
  EXPECT_EQ(answer.finish_reason, FinishReason::kLength);
  EXPECT_EQ(answer.num_prompt_tokens, 2);
  EXPECT_EQ(answer.num_output_tokens, 50);
  EXPECT_EQ(answer.num_cached_tokens, 1);
  EXPECT_GT(answer.timings.total_s, 0.003) << "the time in the queue counts";
  EXPECT_FALSE(stream.next());
  EXPECT_FALSE(stream.try_next());
  EXPECT_TRUE(loop->health());
}

TEST(EngineLoop, RequestsAreCheckedBeforeTheyAreQueued) {
  Gate gate;
  Script script{.gate = &gate};
  const auto loop = make_loop(script, {.max_queued_requests = 1});
  const auto refused = [&](GenerationRequest request) {
    const auto stream = loop->submit(std::move(request));
    return stream ? std::string("accepted") : stream.error().message;
  };
  EXPECT_EQ(refused(request_of(-1, 1)), "prompt: token 0: got id -1, expected 0 to 1073741823");
  GenerationRequest bad = request_of(1, 1);
  bad.params.top_p = 2;
  EXPECT_TRUE(refused(bad).starts_with("top_p: "));
  std::vector<GenerationRequest> several(3, request_of(1, 1));
  several[1].prompt_ids.clear();
  const auto streams = loop->submit_all(several);
  EXPECT_EQ(streams.error().message, "request 2: prompt: got no tokens, expected at least 1");
  EXPECT_EQ(loop->status().num_unfinished, 0);
  EXPECT_EQ(script.num_added, 0);
  gate.open();
}

TEST(EngineLoop, PromptsInTheQueueAreBounded) {
  Gate gate;
  Script script{.max_num_seqs = 2, .max_model_len = 100, .gate = &gate};
  const auto loop = make_loop(script, {.max_queued_requests = 10, .max_queued_tokens = 200});
  const auto with_prompt = [](size_t length) {
    GenerationRequest request = request_of(1, 1);
    request.prompt_ids.assign(length, 1);
    return request;
  };
  TokenStream first = loop->submit(with_prompt(99)).value();
  const auto both = loop->submit_all({with_prompt(51), with_prompt(51)});
  ASSERT_FALSE(both) << "or none";
  EXPECT_EQ(both.error().code, ErrorCode::kQueueFull);
  EXPECT_EQ(both.error().message,
            "prompts of 99 tokens are unfinished and 102 more came, expected at most 200");
  TokenStream second = loop->submit(with_prompt(99)).value();
  EXPECT_EQ(loop->submit(with_prompt(3)).error().code, ErrorCode::kQueueFull);
  gate.open();
  read_all(first);
  read_all(second);
  EXPECT_TRUE(loop->submit_all({with_prompt(99), with_prompt(99)})) << "what has ended is free";
}

TEST(EngineLoop, OneRequestIsWithinTheTokensOfTheQueue) {
  Script script{.max_model_len = 100};
  const auto loop = make_loop(script, {.max_queued_tokens = 1});
  GenerationRequest request = request_of(1, 1);
  request.prompt_ids.assign(99, 1);
  EXPECT_TRUE(loop->submit(request));
}

TEST(EngineLoop, TheQueueIsBounded) {
  Gate gate;
  Script script{.max_num_seqs = 2, .gate = &gate};
  const auto loop = make_loop(script, {.max_queued_requests = 3});
  auto first = loop->submit_all(std::vector(4, request_of(1, 1))).value();
  TokenStream fifth = loop->submit(request_of(1, 5)).value();
  const auto sixth = loop->submit(request_of(1, 1));
  ASSERT_FALSE(sixth);
  EXPECT_EQ(sixth.error().code, ErrorCode::kQueueFull);
  EXPECT_EQ(sixth.error().message, "5 requests are unfinished and 1 more came, expected at most 5");
  // Who has read an end finds room for one request more, without waiting.
  gate.wait_for_step();
  gate.let_pass(1);
  EXPECT_EQ(read_all(first[0]).num_output_tokens, 1);
  EXPECT_EQ(read_all(first[1]).num_output_tokens, 1);
  EXPECT_EQ(loop->submit_all(std::vector(3, request_of(1, 1))).error().code, ErrorCode::kQueueFull);
  EXPECT_TRUE(loop->submit_all(std::vector(2, request_of(1, 1))));
  gate.open();
}

TEST(EngineLoop, AClientThatFillsTheQueueKeepsNobodyOut) {
  Gate gate;
  Script script{.max_num_seqs = 2, .gate = &gate};
  const auto loop = make_loop(script, {.max_queued_requests = 6});  // eight in all
  const auto of_client = [](uint64_t client_id, size_t count) {
    GenerationRequest request = request_of(1, 1);
    request.client_id = client_id;
    return std::vector(count, request);
  };
  const auto first = loop->submit_all(of_client(1, 8));
  ASSERT_TRUE(first);
  EXPECT_EQ(loop->submit_all(of_client(1, 1)).error().code, ErrorCode::kQueueFull);
  EXPECT_EQ(loop->submit_all(of_client(2, 5)).error().message,
            "8 requests are unfinished and 5 more came, expected at most 12");
  const auto second = loop->submit_all(of_client(2, 4));
  ASSERT_TRUE(second);
  EXPECT_EQ(loop->submit_all(of_client(2, 1)).error().code, ErrorCode::kQueueFull);
  const auto third = loop->submit_all(of_client(3, 2));
  ASSERT_TRUE(third);
  gate.open();
}

TEST(EngineLoop, SubmittedTogetherTheyBeginTogether) {
  Script script{.max_num_seqs = 8};
  std::vector<size_t> sizes;
  const auto loop = make_loop(script, {.on_step = [&](const StepRecord& step) {
                                sizes.push_back(step.outputs.size());
                                EXPECT_GE(step.ended, step.began);
                              }});
  for (int i = 0; i < 100; ++i) {
    sizes.clear();
    auto streams = loop->submit_all(std::vector(8, request_of(5, 3))).value();
    for (TokenStream& stream : streams) EXPECT_EQ(read_all(stream).token_ids, counted(5, 3));
    ASSERT_EQ(sizes, (std::vector<size_t>{8, 8, 8}));
  }
}

TEST(EngineLoop, WhatASlowReaderMissedIsOneUpdate) {
  Gate gate;
  Script script{.gate = &gate};
  std::atomic<int> num_calls = 0;
  const auto loop = make_loop(script);
  TokenStream stream =
      loop->submit(request_of(10, 8), {.on_ready = [&](RequestId) { ++num_calls; }}).value();
  EXPECT_FALSE(stream.try_next());
  EXPECT_FALSE(stream.next_for(1ms));
  gate.let_pass(5);
  gate.wait_for_step();  // the sixth, so the updates of the fifth are there
  EXPECT_EQ(num_calls, 1) << "the reader was told once and has not looked yet";
  EXPECT_EQ(stream.try_next()->token_ids, counted(10, 5));
  EXPECT_FALSE(stream.try_next());
  gate.let_pass(1);
  gate.wait_for_step();
  EXPECT_EQ(num_calls, 2);
  EXPECT_EQ(stream.next()->token_ids, counted(15, 1));
  gate.open();
  EXPECT_EQ(read_all(stream).token_ids, counted(16, 2));
}

TEST(EngineLoop, TheEndCanBeWaitedForWithoutReading) {
  Gate gate;
  Script script{.gate = &gate};
  const auto loop = make_loop(script);
  TokenStream stream = loop->submit(request_of(10, 4)).value();
  gate.let_pass(2);
  gate.wait_for_step();
  stream.wait_for_end(1ms);
  EXPECT_EQ(stream.try_next()->token_ids, counted(10, 2));
  std::jthread opener([&] {
    std::this_thread::sleep_for(5ms);
    gate.open();
  });
  const auto begin = std::chrono::steady_clock::now();
  stream.wait_for_end(1h);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  EXPECT_EQ(stream.try_next()->token_ids, counted(12, 2)) << "nothing was taken";
  EXPECT_TRUE(stream.ended());
  stream.wait_for_end(1h);
}

TEST(EngineLoop, AWholeAnswerIsNotReadBeforeItsEnd) {
  Gate gate;
  Script script{.gate = &gate};
  std::atomic<int> num_calls = 0;
  const auto loop = make_loop(script);
  const Delivery whole{.whole = true, .on_ready = [&](RequestId) { ++num_calls; }};
  TokenStream stream = loop->submit(request_of(10, 5), whole).value();
  gate.let_pass(4);
  gate.wait_for_step();
  EXPECT_EQ(num_calls, 0);
  EXPECT_FALSE(stream.try_next());
  gate.open();
  const auto answer = stream.next();
  EXPECT_EQ(answer->token_ids, counted(10, 5));
  EXPECT_EQ(answer->finish_reason, FinishReason::kLength);
  EXPECT_TRUE(stream.ended());
  loop->stop();
  EXPECT_EQ(num_calls, 1);
}

TEST(EngineLoop, CancellingTakesEffectAfterTheStepUnderWay) {
  Gate gate;
  Script script{.gate = &gate};
  const auto loop = make_loop(script);
  TokenStream by_stream = loop->submit(request_of(10, 100)).value();
  TokenStream by_id = loop->submit(request_of(20, 100)).value();
  auto dropped = std::make_optional(loop->submit(request_of(30, 100)).value());
  TokenStream kept = loop->submit(request_of(40, 6)).value();
  gate.let_pass(3);
  gate.wait_for_step();
  by_stream.cancel();
  by_stream.cancel();
  loop->cancel(by_id.id());
  loop->cancel(999);
  dropped.reset();
  gate.let_pass(2);  // the fourth, and the one that ends them
  for (TokenStream* stream : {&by_stream, &by_id}) {
    const RequestOutput answer = read_all(*stream);
    EXPECT_EQ(answer.finish_reason, FinishReason::kAbort);
    EXPECT_LE(answer.num_output_tokens, 4);
    EXPECT_EQ(answer.token_ids.size(), static_cast<size_t>(answer.num_output_tokens));
  }
  EXPECT_EQ(script.num_aborted, 3);
  EXPECT_EQ(loop->status().num_unfinished, 1);
  gate.open();
  EXPECT_EQ(read_all(kept).token_ids, counted(40, 6));
}

TEST(EngineLoop, ACancelledRequestThatNeverRanEnds) {
  Gate gate;
  Script script{.max_num_seqs = 1, .gate = &gate};
  const auto loop = make_loop(script);
  TokenStream running = loop->submit(request_of(10, 1000)).value();
  gate.wait_for_step();
  TokenStream waiting = loop->submit(request_of(20, 5)).value();
  waiting.cancel();
  gate.let_pass(2);
  const auto answer = waiting.next();
  EXPECT_EQ(answer->finish_reason, FinishReason::kAbort);
  EXPECT_TRUE(answer->token_ids.empty());
  EXPECT_EQ(answer->num_prompt_tokens, 2);
  running.cancel();  // before its thousand steps may pass
  gate.open();
  EXPECT_EQ(read_all(running).finish_reason, FinishReason::kAbort);
}

TEST(EngineLoop, DrainFinishesWhatRunsAndTakesNothingNew) {
  Gate gate;
  Script script{.gate = &gate};
  const auto loop = make_loop(script);
  TokenStream stream = loop->submit(request_of(10, 3)).value();
  EXPECT_FALSE(loop->drain(1ms)) << "the gate is closed";
  const auto late = loop->submit(request_of(1, 1));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kShuttingDown);
  EXPECT_EQ(loop->status().num_unfinished, 1) << "the deadline does not end anything";
  gate.open();
  EXPECT_TRUE(loop->drain(10s));
  EXPECT_EQ(read_all(stream).finish_reason, FinishReason::kLength);
  EXPECT_TRUE(loop->health());
}

TEST(EngineLoop, StopEndsEveryStreamAndStreamsOutliveTheLoop) {
  Gate gate;
  Script script{.max_num_seqs = 1, .gate = &gate};
  auto loop = make_loop(script);
  TokenStream running = loop->submit(request_of(10, 1000)).value();
  TokenStream waiting = loop->submit(request_of(20, 1000)).value();
  TokenStream unread = loop->submit(request_of(30, 1000)).value();
  gate.let_pass(3);
  gate.wait_for_step();
  std::jthread opener([&] {
    std::this_thread::sleep_for(5ms);
    gate.open();
  });
  loop->stop();
  EXPECT_EQ(loop->submit(request_of(1, 1)).error().code, ErrorCode::kShuttingDown);
  loop.reset();
  EXPECT_EQ(script.num_engines, 0);
  const RequestOutput answer = read_all(running);
  EXPECT_EQ(answer.finish_reason, FinishReason::kAbort);
  EXPECT_GE(answer.token_ids.size(), 4u) << "what was there is not lost";
  EXPECT_EQ(answer.token_ids, counted(10, static_cast<TokenId>(answer.token_ids.size())));
  EXPECT_EQ(read_all(waiting).finish_reason, FinishReason::kAbort);
  unread.cancel();
}

TEST(EngineLoop, ALostDeviceEndsEveryRequestAndIsRemembered) {
  Gate gate;
  Script script{.max_num_seqs = 1, .lost_at_step = 3, .gate = &gate};
  const auto loop = make_loop(script);
  auto streams = loop->submit_all(std::vector(3, request_of(10, 1000))).value();
  gate.let_pass(3);
  gate.wait_for_step();  // the one that will fail
  streams.push_back(loop->submit(request_of(20, 1000)).value());
  EXPECT_TRUE(loop->health());
  gate.open();
  for (TokenStream& stream : streams) {
    std::optional<RequestOutput> last;
    while (auto update = stream.next()) {
      EXPECT_TRUE(!update->finish_reason || !loop->health()) << "known before the end is read";
      last = std::move(update);
    }
    EXPECT_EQ(last->finish_reason, FinishReason::kError);
    EXPECT_EQ(last->error, "the device is lost");
    EXPECT_EQ(last->num_prompt_tokens, 2);
  }
  EXPECT_EQ(loop->health().error().message, "the device is lost");
  EXPECT_EQ(loop->submit(request_of(1, 1)).error().message, "the device is lost");
  EXPECT_EQ(loop->status().num_unfinished, 0);
  EXPECT_TRUE(loop->drain(0s));
  EXPECT_EQ(loop->submit(request_of(1, 1)).error().message, "the device is lost");
}

TEST(EngineLoop, WithoutMemoryTheRequestsFailAndNotTheProgram) {
  Script script{.memory_out_at_step = 2};
  const auto loop = make_loop(script);
  auto streams = loop->submit_all(std::vector(6, request_of(10, 1000))).value();
  for (TokenStream& stream : streams) {
    const RequestOutput answer = read_all(stream);
    EXPECT_EQ(answer.finish_reason, FinishReason::kError);
    EXPECT_EQ(answer.error, "out of memory in the engine's thread");
  }
  EXPECT_EQ(loop->health().error().code, ErrorCode::kOutOfMemory);
  EXPECT_EQ(loop->submit(request_of(1, 1)).error().code, ErrorCode::kOutOfMemory);
}

TEST(EngineLoop, WhatTheEngineRefusesEndsAlone) {
  Script script{.refuses_requests = true};
  const auto loop = make_loop(script);
  TokenStream stream = loop->submit(request_of(1, 1)).value();
  const RequestOutput answer = read_all(stream);
  EXPECT_EQ(answer.finish_reason, FinishReason::kError);
  EXPECT_EQ(answer.error, "not today");
  EXPECT_TRUE(loop->health());
  EXPECT_EQ(loop->status().num_unfinished, 0);
}

TEST(EngineLoop, SleepsWhenThereIsNothingToDo) {
  Script script;
  const auto loop = make_loop(script);
  TokenStream stream = loop->submit(request_of(1, 1)).value();
  read_all(stream);
  std::this_thread::sleep_for(20ms);
  const int64_t num_polls = script.num_polls;
  const double busy_s = loop->status().busy_s;
  EXPECT_GT(busy_s, 0);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(script.num_polls, num_polls);
  EXPECT_EQ(loop->status().busy_s, busy_s);
  TokenStream another = loop->submit(request_of(7, 2)).value();
  EXPECT_EQ(read_all(another).token_ids, counted(7, 2));
}

TEST(EngineLoop, StatusTellsWhatRunsAndHowLongTheStepTakes) {
  Gate gate;
  Script script{.max_num_seqs = 2, .gate = &gate};
  const auto loop = make_loop(script);
  EXPECT_EQ(loop->status().current_step_s, 0);
  auto streams = loop->submit_all(std::vector(3, request_of(10, 4))).value();
  gate.let_pass(2);
  gate.wait_for_step();
  std::this_thread::sleep_for(2ms);
  EngineLoopStatus status = loop->status();
  EXPECT_EQ(status.engine.num_steps, 2);
  EXPECT_EQ(status.engine.num_running, 2);
  EXPECT_EQ(status.num_unfinished, 3);
  EXPECT_EQ(status.num_output_tokens, 4);
  EXPECT_GE(status.current_step_s, 0.002);
  gate.open();
  for (TokenStream& stream : streams) read_all(stream);
  status = loop->status();
  EXPECT_EQ(status.num_unfinished, 0);
  EXPECT_EQ(status.engine.num_running, 0);
  EXPECT_EQ(status.num_output_tokens, 12);
  EXPECT_EQ(status.current_step_s, 0);
  EXPECT_GE(status.busy_s, 0.002);
}

TEST(EngineLoop, CallbacksComeOnTheEnginesThreadBeforeTheEndIsRead) {
  Script script;
  std::thread::id engine_thread;
  const auto loop = make_loop(
      script, {.on_step = [&](const StepRecord&) { engine_thread = std::this_thread::get_id(); }});
  std::vector<TokenId> seen;  // no lock: reading the end orders it
  GenerationRequest request = request_of(3, 200);
  request.on_token = [&](TokenId id, std::span<const float>) { seen.push_back(id); };
  TokenStream stream = loop->submit(std::move(request), {.whole = true}).value();
  EXPECT_EQ(stream.next()->token_ids, seen);
  EXPECT_EQ(seen, counted(3, 200));
  EXPECT_NE(engine_thread, std::this_thread::get_id());
}

TEST(EngineLoop, AnObserverMaySubmitAndCancel) {
  Script script;
  std::optional<TokenStream> second;
  EngineLoop* loop_in_use = nullptr;
  RequestId first_id = 0;
  const auto loop = make_loop(script, {.on_step = [&](const StepRecord& step) {
                                if (second) return;
                                first_id = step.outputs[0].request_id;
                                loop_in_use->cancel(first_id);
                                second = loop_in_use->submit(request_of(50, 4)).value();
                              }});
  loop_in_use = loop.get();
  TokenStream first = loop->submit(request_of(1, 1000)).value();
  const RequestOutput answer = read_all(first);
  EXPECT_EQ(answer.finish_reason, FinishReason::kAbort);
  EXPECT_EQ(answer.num_output_tokens, 1);
  EXPECT_EQ(first.id(), first_id);
  EXPECT_EQ(read_all(*second).token_ids, counted(50, 4));
}

TEST(TokenStream, MovesAndIsDroppedByAssignment) {
  Gate gate;
  Script script{.gate = &gate};
  const auto loop = make_loop(script);
  TokenStream stream = loop->submit(request_of(1, 1000)).value();
  stream = loop->submit(request_of(5, 2)).value();
  gate.open();
  TokenStream moved = std::move(stream);
  EXPECT_EQ(read_all(moved).token_ids, counted(5, 2));
  EXPECT_TRUE(loop->drain(10s)) << "the first one was cancelled";
  EXPECT_EQ(script.num_aborted, 1);
}

}  // namespace
}  // namespace ernie
