#include "jobs/generation.h"

#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "fake_engine.h"

namespace ernie {
namespace {

GenerationRequest request_of(int64_t row) {
  GenerationRequest request;
  request.prompt_ids = {static_cast<TokenId>(5 + row % 200), static_cast<TokenId>(5 + row / 200)};
  request.params.max_tokens = static_cast<int32_t>(1 + row % 9);
  if (row % 10 == 3) request.params.top_p = 2;
  return request;
}

class CountingJob : public GenerationJob {
 public:
  explicit CountingJob(int64_t num_rows) : num_rows_(num_rows) {}

  Result<std::optional<JobRequest>> next() override {
    if (next_ == num_rows_) return std::optional<JobRequest>();
    running_.insert(next_);
    max_running_ = std::max(max_running_, running_.size());
    const int64_t row = next_++;
    return std::optional<JobRequest>(JobRequest{row, request_of(row)});
  }
  Result<void> finished(int64_t row, Result<GenerationResult> result) override {
    EXPECT_EQ(running_.erase(row), 1u) << row;
    EXPECT_EQ(result.has_value(), row % 10 != 3) << row;
    if (result) texts_.emplace(row, result->text);
    if (row == fail_at_) return Error{ErrorCode::kIo, "disk full"};
    if (row == interrupt_at_) std::raise(SIGINT);
    return {};
  }
  void progressed(int64_t num_new_tokens) override { num_tokens_ += num_new_tokens; }

  int64_t num_rows_, next_ = 0, num_tokens_ = 0;
  int64_t fail_at_ = -1, interrupt_at_ = -1;
  size_t max_running_ = 0;
  std::set<int64_t> running_;
  std::map<int64_t, std::string> texts_;
};

std::unique_ptr<EngineLoop> make_loop(const EngineOptions& options) {
  return EngineLoop::create(make_fake_engine(options)).value();
}

TEST(RunJob, EveryRowEndsOnceAndTheWindowHolds) {
  const auto loop = make_loop({.max_num_seqs = 4});
  CountingJob job(1000);
  const Interrupt interrupt;
  ASSERT_TRUE(run_job(*loop, job, 7, interrupt));
  EXPECT_EQ(job.next_, 1000);
  EXPECT_TRUE(job.running_.empty());
  EXPECT_EQ(job.max_running_, 7u);
  EXPECT_GT(job.num_tokens_, 1000);
  EXPECT_EQ(job.num_tokens_, loop->status().num_output_tokens);
  EXPECT_EQ(loop->status().num_unfinished, 0);
}

TEST(RunJob, TheWindowFitsTheLoop) {
  const auto loop = make_loop({.max_num_seqs = 3});
  CountingJob job(500);
  const Interrupt interrupt;
  EXPECT_TRUE(run_job(*loop, job, request_window(*loop), interrupt));
  EXPECT_EQ(job.max_running_, request_window(*loop));
}

TEST(RunJob, ResultsDoNotDependOnTheWindow) {
  const Interrupt interrupt;
  CountingJob wide(300), narrow(300);
  ASSERT_TRUE(run_job(*make_loop({.max_num_seqs = 32}), wide, 128, interrupt));
  ASSERT_TRUE(run_job(*make_loop({.max_num_seqs = 1}), narrow, 1, interrupt));
  EXPECT_EQ(wide.texts_, narrow.texts_);
}

TEST(RunJob, AnErrorOfTheJobEndsItAndWhatIsUnderWay) {
  CountingJob job(100);
  job.fail_at_ = 40;
  const Interrupt interrupt;
  const auto loop = make_loop({});
  const auto done = run_job(*loop, job, 8, interrupt);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "disk full");
  EXPECT_LT(job.next_, 60);
  EXPECT_EQ(loop->status().num_unfinished, 0);
}

TEST(RunJob, AnInterruptAborts) {
  CountingJob job(100);
  job.interrupt_at_ = 40;
  const auto loop = make_loop({});
  const Interrupt interrupt;
  const auto done = run_job(*loop, job, 8, interrupt);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(interrupt.exit_code(), 130);
  EXPECT_EQ(loop->status().num_unfinished, 0);
}

TEST(RunJob, AnInterruptIsSeenWhileNothingEnds) {
  GenerationRequest request = request_of(0);
  request.params.max_tokens = 1'000'000;
  request.params.ignore_eos = true;
  class EndlessJob : public CountingJob {
   public:
    explicit EndlessJob(GenerationRequest request) : CountingJob(0), request_(std::move(request)) {}
    Result<std::optional<JobRequest>> next() override {
      return std::optional<JobRequest>(JobRequest{0, request_});
    }
    void progressed(int64_t) override {
      if (!std::exchange(raised_, true)) std::raise(SIGINT);
    }
    GenerationRequest request_;
    bool raised_ = false;
  } job(std::move(request));
  const auto loop =
      EngineLoop::create(make_fake_engine({.max_model_len = 2'000'000}, /*step_us=*/100)).value();
  const Interrupt interrupt;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run_job(*loop, job, 1, interrupt).error().code, ErrorCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

/// Loses its device in a step.
class LosingEngine : public Engine {
 public:
  LosingEngine(std::unique_ptr<Engine> engine, int64_t lost_at_step)
      : engine_(std::move(engine)), steps_left_(lost_at_step) {}
  const ModelConfig& config() const override { return engine_->config(); }
  const EngineOptions& options() const override { return engine_->options(); }
  const Backend& backend() const override { return engine_->backend(); }
  EngineLimits limits() const override { return engine_->limits(); }
  EngineCounters counters() const override { return engine_->counters(); }
  Result<RequestId> add_request(GenerationRequest request) override {
    ERNIE_TRY(const RequestId id, engine_->add_request(std::move(request)));
    running_.insert(id);
    return id;
  }
  void abort(RequestId id) override { engine_->abort(id); }
  bool has_unfinished() const override { return steps_left_ >= 0 && engine_->has_unfinished(); }
  std::vector<RequestOutput> step() override {
    std::vector<RequestOutput> outputs;
    if (steps_left_-- > 0) {
      outputs = engine_->step();
      for (const RequestOutput& output : outputs) {
        if (output.finish_reason) running_.erase(output.request_id);
      }
      return outputs;
    }
    for (const RequestId id : running_) {
      outputs.push_back({.request_id = id, .finish_reason = FinishReason::kError, .error = "gone"});
    }
    return outputs;
  }
  Result<void> health() const override {
    return steps_left_ >= 0 ? Result<void>() : Error{ErrorCode::kDeviceLost, "device gone"};
  }

 private:
  std::unique_ptr<Engine> engine_;
  int64_t steps_left_;
  std::set<RequestId> running_;
};

TEST(RunJob, ALostDeviceEndsTheJobAndIsNoRowsError) {
  const Interrupt interrupt;
  CountingJob whole(100);
  ASSERT_TRUE(run_job(*make_loop({}), whole, 8, interrupt));
  for (const int64_t step : {0, 1, 7, 30}) {
    const auto loop =
        EngineLoop::create(std::make_unique<LosingEngine>(make_fake_engine({}), step)).value();
    CountingJob job(100);
    const auto done = run_job(*loop, job, 8, interrupt);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message, "device gone");
    EXPECT_GE(job.running_.size(), 1u) << "not reported as finished";
    for (const auto& [row, text] : job.texts_) EXPECT_EQ(text, whole.texts_.at(row));
  }
}

}  // namespace
}  // namespace ernie
