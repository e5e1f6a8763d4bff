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
  void stepped(int64_t num_new_tokens) override { num_tokens_ += num_new_tokens; }

  int64_t num_rows_, next_ = 0, num_tokens_ = 0;
  int64_t fail_at_ = -1, interrupt_at_ = -1;
  size_t max_running_ = 0;
  std::set<int64_t> running_;
  std::map<int64_t, std::string> texts_;
};

TEST(RunJob, EveryRowEndsOnceAndTheWindowHolds) {
  const auto engine = make_fake_engine({.max_num_seqs = 4});
  CountingJob job(1000);
  const Interrupt interrupt;
  ASSERT_TRUE(run_job(*engine, job, 7, interrupt));
  EXPECT_EQ(job.next_, 1000);
  EXPECT_TRUE(job.running_.empty());
  EXPECT_EQ(job.max_running_, 7u);
  EXPECT_GT(job.num_tokens_, 1000);
  EXPECT_FALSE(engine->has_unfinished());
}

TEST(RunJob, ResultsDoNotDependOnTheWindow) {
  const Interrupt interrupt;
  CountingJob wide(300), narrow(300);
  ASSERT_TRUE(run_job(*make_fake_engine({.max_num_seqs = 32}), wide, 128, interrupt));
  ASSERT_TRUE(run_job(*make_fake_engine({.max_num_seqs = 1}), narrow, 1, interrupt));
  EXPECT_EQ(wide.texts_, narrow.texts_);
}

TEST(RunJob, AnErrorOfTheJobEndsIt) {
  CountingJob job(100);
  job.fail_at_ = 40;
  const Interrupt interrupt;
  const auto done = run_job(*make_fake_engine({}), job, 8, interrupt);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "disk full");
  EXPECT_LT(job.next_, 60);
}

TEST(RunJob, AnInterruptAborts) {
  CountingJob job(100);
  job.interrupt_at_ = 40;
  const auto engine = make_fake_engine({});
  const Interrupt interrupt;
  const auto done = run_job(*engine, job, 8, interrupt);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(interrupt.exit_code(), 130);
  EXPECT_FALSE(engine->has_unfinished());
}

}  // namespace
}  // namespace ernie
