// The demo model's share of right answers on its held-out set: the instrument by which a change
// that damages the model shows, whatever it did to single numbers.

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <map>

#include "backend/registry.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"

namespace ernie {
namespace {

constexpr const char* kModel = ERNIE_SOURCE_DIR "/models/demo";

struct Row {
  std::string task, prompt, answer;
};

std::vector<Row> held_out_rows() {
  std::ifstream file(ERNIE_SOURCE_DIR "/tests/demo/heldout.jsonl");
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    const boost::json::value value = boost::json::parse(line);
    const auto field = [&](const char* name) { return std::string(value.at(name).as_string()); };
    rows.push_back({field("task"), field("prompt"), field("answer")});
  }
  return rows;
}

struct Score {
  int right = 0, total = 0;
  double share() const { return total == 0 ? 0 : static_cast<double>(right) / total; }
};

/// The greedy completion of every prompt, up to and with the newline that ends an answer.
std::vector<std::string> completions(const std::string& device, DType dtype,
                                     const std::vector<Row>& rows) {
  const auto tokenizer = Tokenizer::load(kModel).value();
  EngineOptions options;
  options.max_model_len = 128;
  options.max_num_seqs = 32;
  const auto engine = Engine::create(make_backend(device, {.dtype = dtype}).value(),
                                     *open_checkpoint(kModel).value(), tokenizer, options)
                          .value();
  std::map<RequestId, size_t> row_of;
  for (size_t i = 0; i < rows.size(); ++i) {
    GenerationRequest request{.prompt_ids =
                                  tokenizer->encode(rows[i].prompt, SpecialTokens::kAsText)};
    request.params.temperature = 0;
    request.params.max_tokens = 40;
    request.params.stop = {"\n"};
    request.params.include_stop_in_output = true;
    row_of[engine->add_request(std::move(request)).value()] = i;
  }
  std::vector<std::string> texts(rows.size());
  while (engine->has_unfinished()) {
    for (const RequestOutput& output : engine->step())
      texts[row_of[output.request_id]] += output.text;
  }
  return texts;
}

class DemoAccuracy : public ::testing::TestWithParam<std::pair<std::string, DType>> {};

TEST_P(DemoAccuracy, AnswersHeldOutQuestions) {
  const auto& [device, dtype] = GetParam();
  const std::vector<Row> rows = held_out_rows();
  ASSERT_GE(rows.size(), 400u);
  const std::vector<std::string> texts = completions(device, dtype, rows);
  std::map<std::string, Score> scores;
  Score all;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int right = texts[i] == rows[i].answer;
    scores[rows[i].task].right += right;
    scores[rows[i].task].total += 1;
    all.right += right;
    all.total += 1;
  }
  for (const auto& [task, score] : scores) {
    fmt::print("[ accuracy ] {} {} {}: {} of {}\n", device, dtype_name(dtype), task, score.right,
               score.total);
  }
  fmt::print("[ accuracy ] {} {} all: {} of {}\n", device, dtype_name(dtype), all.right, all.total);
  ASSERT_GE(scores["add_two_digit"].total, 150);
  EXPECT_GE(scores["add_two_digit"].share(), 0.95);
  EXPECT_GE(all.share(), 0.90);
}

INSTANTIATE_TEST_SUITE_P(
    , DemoAccuracy,
    ::testing::Values(std::pair{"reference", DType::kF32}, std::pair{"reference", DType::kBF16},
                      std::pair{"cpu", DType::kF32}, std::pair{"cpu", DType::kBF16}),
    [](const auto& test) {
      return test.param.first + "_" + std::string(dtype_name(test.param.second));
    });

TEST(Demo, SeventeenAndTwentyFive) {
  EXPECT_EQ(completions("cpu", DType::kBF16, {{"", "17 + 25 =", ""}})[0], " 42\n");
}

}  // namespace
}  // namespace ernie
