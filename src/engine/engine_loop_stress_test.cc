// Many threads at one loop, and the real engine behind it.

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "backend/registry.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine_loop.h"
#include "engine/scripted_engine.h"

namespace ernie {
namespace {

using namespace std::chrono_literals;

/// A client that submits requests one after the other and reads, lags, cancels or hangs up.
class Client {
 public:
  Client(EngineLoop& loop, uint64_t index) : loop_(loop), index_(index) {}

  void run(int64_t num_requests) {
    for (int64_t i = 0; i < num_requests; ++i) {
      const auto first = static_cast<TokenId>(i * 1000);
      const int32_t num_tokens = 1 + static_cast<int32_t>(draw(200));
      std::optional<TokenStream> stream = submit(first, num_tokens);
      const uint64_t kind = draw(20);
      if (kind == 0) continue;  // hangs up at once
      if (kind == 1) loop_.cancel(stream->id());
      read(*stream, first, num_tokens, kind);
    }
  }
  int64_t num_tokens() const { return num_tokens_; }
  int64_t num_ended() const { return num_ended_; }

 private:
  uint64_t draw(uint64_t below) {
    return static_cast<uint64_t>(philox_uniform(index_, 0, ++draw_) * static_cast<double>(below));
  }

  /// Tries until there is room.
  TokenStream submit(TokenId first, int32_t num_tokens) {
    while (true) {
      GenerationRequest request;
      request.prompt_ids = {first};
      request.params.max_tokens = num_tokens;
      auto stream = loop_.submit(std::move(request), {.whole = draw(4) == 0});
      if (stream) return *std::move(stream);
      EXPECT_EQ(stream.error().code, ErrorCode::kQueueFull);
      std::this_thread::yield();
    }
  }

  void read(TokenStream& stream, TokenId first, int32_t num_tokens, uint64_t kind) {
    TokenId next = first;
    while (!stream.ended()) {
      auto update = kind % 3 == 0 ? stream.next_for(50us) : stream.next();
      if (!update) continue;
      EXPECT_EQ(update->request_id, stream.id());
      for (const TokenId id : update->token_ids) ASSERT_EQ(id, next++);
      if (kind == 2 && next > first + 5) stream.cancel();
      if (kind == 3 && next > first + 5) return;  // hangs up in the middle
      if (kind == 4) std::this_thread::sleep_for(20us);
      if (!update->finish_reason) continue;
      ++num_ended_;
      num_tokens_ += next - first;
      ASSERT_EQ(update->num_output_tokens, next - first);
      ASSERT_TRUE(kind <= 2 || next - first == num_tokens);
    }
    EXPECT_FALSE(stream.next());
  }

  EngineLoop& loop_;
  uint64_t index_, draw_ = 0;
  int64_t num_tokens_ = 0, num_ended_ = 0;
};

TEST(EngineLoopStress, NothingIsLostDoubledOrMixedUpAmongThreads) {
  constexpr size_t kClients = 8;
  constexpr int64_t kRequests = 1500;
  Script script{.max_num_seqs = 6};
  {
    const auto loop =
        EngineLoop::create(std::make_unique<ScriptedEngine>(script), {.max_queued_requests = 2})
            .value();
    std::vector<Client> clients;
    for (size_t i = 0; i < kClients; ++i) clients.emplace_back(*loop, i);
    {
      std::vector<std::jthread> threads;
      for (Client& client : clients) threads.emplace_back([&] { client.run(kRequests); });
    }
    EXPECT_TRUE(loop->drain(10s)) << "requests that were hung up on must end, too";
    int64_t num_tokens = 0, num_ended = 0;
    for (const Client& client : clients) {
      num_tokens += client.num_tokens();
      num_ended += client.num_ended();
    }
    EXPECT_EQ(script.num_added, static_cast<int64_t>(kClients) * kRequests);
    EXPECT_GT(num_ended, script.num_added * 8 / 10);
    EXPECT_GT(num_tokens, 900'000);
    EXPECT_GE(loop->status().num_output_tokens, num_tokens);
  }
  EXPECT_EQ(script.num_engines, 0);
}

TEST(EngineLoopStress, StoppedAtAnyMomentEveryStreamEnds) {
  for (uint64_t round = 0; round < 200; ++round) {
    Script script{.lost_at_step = round % 3 == 0 ? static_cast<int64_t>(round) : -1,
                  .memory_out_at_step = round % 3 == 1 ? static_cast<int64_t>(round) : -1};
    auto loop = EngineLoop::create(std::make_unique<ScriptedEngine>(script)).value();
    std::vector<std::jthread> threads;
    for (TokenId t = 0; t < 3; ++t) {
      threads.emplace_back([&loop = *loop, t] {
        while (true) {
          GenerationRequest request;
          request.prompt_ids = {t * 1000};
          request.params.max_tokens = 20;
          auto stream = loop.submit(std::move(request));
          if (!stream) return;
          std::optional<RequestOutput> last;
          while (auto update = stream->next()) last = std::move(update);
          EXPECT_TRUE(last && last->finish_reason);
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(round * 5));
    loop->stop();
    threads.clear();
  }
}

/// Token ids and log-probabilities of an answer.
using Answer = std::pair<std::vector<TokenId>, std::vector<float>>;

void add(const RequestOutput& output, Answer& answer) {
  for (const TokenId id : output.token_ids) answer.first.push_back(id);
  for (const TokenLogprob& logprob : output.logprobs) answer.second.push_back(logprob.logprob);
}

std::unique_ptr<Engine> real_engine() {
  auto backend = make_backend("cpu", {.num_threads = 1}).value();
  auto weights = open_checkpoint(ERNIE_SOURCE_DIR "/tests/golden/moe_shared").value();
  const EngineOptions options{.max_model_len = 96, .max_num_seqs = 4, .max_num_batched_tokens = 32};
  return Engine::create(std::move(backend), *weights, nullptr, options).value();
}

GenerationRequest real_request(uint64_t seed) {
  GenerationRequest request;
  for (uint64_t i = 0; i < 5 + seed % 30; ++i) {
    request.prompt_ids.push_back(static_cast<TokenId>(philox_uniform(seed, 1, i) * 320));
  }
  request.params = {.seed = seed, .max_tokens = 20, .ignore_eos = true, .logprobs = 0};
  return request;
}

TEST(EngineLoopStress, TheRealEngineAnswersAsIfItWereAlone) {
  constexpr uint64_t kRequests = 24, kThreads = 4;
  std::vector<Answer> want(kRequests), got(kRequests);
  const auto engine = real_engine();
  for (uint64_t i = 0; i < kRequests; ++i) {
    engine->add_request(real_request(i)).value();
    while (engine->has_unfinished()) {
      for (const RequestOutput& output : engine->step()) add(output, want[i]);
    }
    ASSERT_EQ(want[i].first.size(), 20u);
  }
  const auto loop = EngineLoop::create(real_engine()).value();
  {
    std::vector<std::jthread> threads;
    for (uint64_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t i = t; i < kRequests; i += kThreads) {
          TokenStream stream = loop->submit(real_request(i)).value();
          while (const auto update = stream.next()) add(*update, got[i]);
        }
      });
    }
  }
  EXPECT_EQ(got, want);
}

}  // namespace
}  // namespace ernie
