#include "checkpoint/inspect.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint_test_files.h"

namespace ernie {
namespace {

TEST(Inspect, CountsThePublishedModels) {
  const ModelConfig large = *preset_model_config("21b");
  EXPECT_EQ(count_parameters(large).total, 21'825'437'888);
  EXPECT_EQ(fmt::format("{:.3f}", static_cast<double>(count_parameters(large).active) * 1e-9),
            "3.352");
  EXPECT_EQ(kv_bytes_per_token(large), 57'344);
  EXPECT_EQ(weight_bytes(large), 2 * 21'821'012'480 + 4 * 4'425'408);
  const ModelConfig small = *preset_model_config("0.3b");
  EXPECT_EQ(count_parameters(small).total, 360'748'032);
  EXPECT_EQ(count_parameters(small).active, 360'748'032);
  EXPECT_EQ(kv_bytes_per_token(small), 18'432);
}

TEST(Inspect, AnUntiedHeadTakesThePlaceOfTheEmbedding) {
  ModelConfig config = *preset_model_config("21b");
  const ParameterCounts tied = count_parameters(config);
  config.tie_word_embeddings = false;
  const ParameterCounts untied = count_parameters(config);
  EXPECT_EQ(untied.total - tied.total, config.vocab_size * config.hidden_size);
  EXPECT_EQ(untied.active, tied.active);
}

TEST(Inspect, ReportsADirectory) {
  const TestDirectory directory;
  auto tensors = small_tensors();
  tensors.push_back({"model.mtp_a", "I8", {2}, "ab"});
  tensors.push_back({"lm_head.weight", "BF16", {10, 8}, patterned_bytes(160)});
  directory.write("config.json", small_config());
  directory.write("model.safetensors", make_safetensors(tensors));
  const Inspection inspection = inspect_checkpoint(directory.path());
  ASSERT_TRUE(inspection.report) << inspection.problems.front();
  const CheckpointReport& report = *inspection.report;
  EXPECT_TRUE(inspection.problems.empty());
  EXPECT_EQ(report.layout, "Hugging Face");
  EXPECT_EQ(report.num_files, 1);
  EXPECT_EQ(report.num_tensors, static_cast<int64_t>(tensors.size()));
  EXPECT_EQ(report.num_mtp_tensors, 1);
  EXPECT_EQ(report.num_ignored_tensors, 1);
  EXPECT_EQ(report.dtypes.size(), 3u);
  EXPECT_EQ(report.parameters.total, count_parameters(report.config).total);
}

TEST(Inspect, ListsEveryProblem) {
  const TestDirectory directory;
  directory.write("config.json", small_config());
  directory.write("model.safetensors", make_safetensors({}));
  const Inspection inspection = inspect_checkpoint(directory.path());
  EXPECT_FALSE(inspection.report);
  EXPECT_EQ(inspection.problems.size(), small_tensors().size());
}

}  // namespace
}  // namespace ernie
