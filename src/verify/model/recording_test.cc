// Recordings put together by hand: what is read from them, and what is wrong with the damaged ones.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>

#include "base/test_directory.h"
#include "verify/model/truth.h"

namespace ernie::verify::model {
namespace {

/// A tensor of a safetensors file: its type, dimensions and bytes.
struct Stored {
  std::string dtype, dims, bytes;
};

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}
Stored ints(const std::string& dims, const std::vector<int32_t>& values) {
  return {"I32", dims, bytes_of(values)};
}
Stored floats(const std::string& dims, const std::vector<float>& values) {
  return {"F32", dims, bytes_of(values)};
}

/// A prompt of two tokens of a model with one layer of three experts, two of them chosen.
std::map<std::string, Stored> good_tensors() {
  return {{"prompt0.ids", ints("2", {4, 1})},
          {"prompt0.positions", ints("2", {0, 7})},
          {"f32.prompt0.embed", floats("2,2", {1, 2, 3, 4})},
          {"f32.prompt0.layer0.router_logits", floats("2,3", {1, 2, 3, 4, 5, 6})},
          {"f32.prompt0.layer0.expert_ids", ints("2,2", {2, 1, 2, 0})},
          {"f32.prompt0.layer0.attn_out", floats("2,2", {5, 6, 7, 8})},
          {"f32.prompt0.layer0.out", floats("2,2", {9, 10, 11, 12})},
          {"f32.prompt0.logits", floats("2,5", {1, 2, 3, 4, 5, 6, 7, 8, 9, -0.5f})}};
}

ModelConfig small_config() {
  ModelConfig config;
  config.num_layers = 1;
  config.hidden_size = 2;
  config.vocab_size = 5;
  config.num_experts = 3;
  config.experts_per_token = 2;
  return config;
}

class Recordings : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.file(name); }
  void write(const std::string& name, const std::string& contents) const {
    directory_.write(name, contents);
  }
  void write_tensors(const std::string& name, const std::map<std::string, Stored>& tensors) const {
    std::string header, data;
    for (const auto& [key, t] : tensors) {
      header += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                            header.empty() ? "{" : ",", key, t.dtype, t.dims, data.size(),
                            data.size() + t.bytes.size());
      data += t.bytes;
    }
    header += "}";
    const uint64_t length = header.size();
    write(name, std::string(reinterpret_cast<const char*>(&length), 8) + header + data);
  }
  Result<std::unique_ptr<Truth>> open(const std::map<std::string, Stored>& tensors,
                                      DType run = DType::kF32) const {
    write_tensors("t.safetensors", tensors);
    return open_recording(path("t.safetensors"), run, small_config());
  }
  /// What opening and reading says after one tensor was replaced; "" if all is well.
  std::string complaint(const std::string& name, const Stored& tensor) const {
    auto tensors = good_tensors();
    tensors[name] = tensor;
    auto truth = open(tensors);
    if (!truth) return truth.error().message;
    const auto prompts = (*truth)->prompts(0, 1);
    if (prompts) return "";
    EXPECT_EQ(prompts.error().code, ErrorCode::kCorruptData);
    const std::string prefix = path("t.safetensors") + ": ";
    EXPECT_TRUE(prompts.error().message.starts_with(prefix)) << prompts.error().message;
    return prompts.error().message.substr(prefix.size());
  }

  const TestDirectory directory_;
};

TEST_F(Recordings, HaveWhatWasWritten) {
  const auto truth = open(good_tensors()).value();
  EXPECT_EQ(truth->num_prompts(), 1u);
  EXPECT_EQ(truth->num_tokens(0).value(), 2);
  EXPECT_EQ(truth->act(), DType::kF32);
  EXPECT_TRUE(truth->is_recorded());
  const std::vector<PromptTruth> prompts = truth->prompts(0, 1).value();
  const PassTrace& trace = prompts[0].truth;
  EXPECT_EQ(trace.ids, (std::vector<int32_t>{4, 1}));
  EXPECT_EQ(trace.positions, (std::vector<int32_t>{0, 7}));
  EXPECT_EQ(trace.taps.size(), 6u);
  EXPECT_EQ(trace.taps.at({-1, Tap::kEmbedding}).data, (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(trace.taps.at({0, Tap::kExpertIds}).data, (std::vector<double>{2, 1, 2, 0}));
  EXPECT_EQ(trace.taps.at({0, Tap::kLayer}).at(1, 0), 11);
  EXPECT_EQ(trace.taps.at({1, Tap::kLogits}).at(1, 4), -0.5);
  EXPECT_FALSE(prompts[0].original);
}

TEST_F(Recordings, TheBfloat16RunIsTheOriginalOfTheOther) {
  auto tensors = good_tensors();
  tensors["bf16.prompt0.embed"] = {"BF16", "2,2", bytes_of<uint16_t>({0x3f80, 0xbf80, 0, 0x4000})};
  const std::vector<double> narrow{1, -1, 0, 2};
  const auto prompts = open(tensors).value()->prompts(0, 1).value();
  ASSERT_TRUE(prompts[0].original);
  EXPECT_EQ(prompts[0].original->taps.at({-1, Tap::kEmbedding}).data, narrow);
  const auto truth = open(tensors, DType::kBF16).value();
  EXPECT_EQ(truth->act(), DType::kBF16);
  const auto alone = truth->prompts(0, 1).value();
  EXPECT_EQ(alone[0].truth.taps.at({-1, Tap::kEmbedding}).data, narrow);
  EXPECT_EQ(alone[0].truth.taps.size(), 1u);
  EXPECT_FALSE(alone[0].original);
}

TEST_F(Recordings, PromptsAreCountedUpToTheFirstThatIsMissing) {
  auto tensors = good_tensors();
  for (const char* p : {"prompt1", "prompt3"}) {
    tensors[fmt::format("{}.ids", p)] = ints("1", {3});
    tensors[fmt::format("{}.positions", p)] = ints("1", {0});
    tensors[fmt::format("f32.{}.embed", p)] = floats("1,2", {8, 9});
  }
  const auto truth = open(tensors).value();
  EXPECT_EQ(truth->num_prompts(), 2u);
  EXPECT_EQ(truth->prompts(1, 2).value()[0].truth.ids, std::vector<int32_t>{3});
}

TEST_F(Recordings, WithoutAPromptOrTheRunThatIsAskedForAreNone) {
  auto tensors = good_tensors();
  const auto other_run = open(tensors, DType::kBF16);
  ASSERT_FALSE(other_run);
  EXPECT_NE(other_run.error().message.find("no tensors bf16.prompt0."), std::string::npos);
  tensors["prompt1.ids"] = ints("1", {3});  // nothing was recorded of it
  EXPECT_FALSE(open(tensors));
  tensors = good_tensors();
  tensors.erase("prompt0.ids");
  const auto no_prompt = open(tensors);
  ASSERT_FALSE(no_prompt);
  EXPECT_NE(no_prompt.error().message.find("no tensor prompt0.ids"), std::string::npos);
}

TEST_F(Recordings, DamagedListsAreNamed) {
  EXPECT_EQ(complaint("prompt0.ids", ints("2", {4, 0})), "");
  EXPECT_EQ(complaint("prompt0.ids", ints("2", {4, 5})), "prompt0.ids: got 5, expected 0 to 4");
  EXPECT_EQ(complaint("prompt0.ids", ints("2", {-1, 1})), "prompt0.ids: got -1, expected 0 to 4");
  EXPECT_EQ(complaint("prompt0.ids", floats("2", {4, 1})), "prompt0.ids: expected a list of I32");
  EXPECT_EQ(complaint("prompt0.ids", ints("0", {})), "prompt0.ids: expected a list of I32");
  EXPECT_EQ(complaint("prompt0.positions", ints("1,2", {0, 1})),
            "prompt0.positions: expected a list of I32");
  EXPECT_EQ(complaint("prompt0.positions", ints("1", {0})), "prompt0: 2 ids and 1 positions");
}

TEST_F(Recordings, PointsOfAnotherShapeOrTypeAreNamed) {
  EXPECT_EQ(complaint("f32.prompt0.embed", floats("1,4", {1, 2, 3, 4})),
            "f32.prompt0.embed: got F32 [1, 4], expected [2, 2] of F32, BF16 or I32");
  EXPECT_EQ(complaint("f32.prompt0.logits", floats("2,4", std::vector<float>(8))),
            "f32.prompt0.logits: got F32 [2, 4], expected [2, 5] of F32, BF16 or I32");
  EXPECT_EQ(complaint("f32.prompt0.embed", {"F16", "2,2", std::string(8, '\0')}),
            "f32.prompt0.embed: got F16 [2, 2], expected [2, 2] of F32, BF16 or I32");
}

// They become indices.
TEST_F(Recordings, ExpertsThatDoNotExistAreNamed) {
  const std::string name = "f32.prompt0.layer0.expert_ids";
  EXPECT_EQ(complaint(name, ints("2,2", {0, 1, 2, 3})), name + ": got expert 3, expected 0 to 2");
  EXPECT_EQ(complaint(name, ints("2,2", {0, -1, 2, 1})), name + ": got expert -1, expected 0 to 2");
  EXPECT_EQ(complaint(name, floats("2,2", {0, 1, NAN, 1})),
            name + ": got expert nan, expected 0 to 2");
  EXPECT_EQ(complaint(name, floats("2,2", {0, 1.5f, 2, 1})),
            name + ": got expert 1.5, expected 0 to 2");
  EXPECT_EQ(complaint(name, floats("2,2", {0, 1, 2, 1})), "") << "whole numbers are ids";
}

TEST_F(Recordings, AreFoundByEachOfTheirNames) {
  const auto opens = [&](const std::string& name) {
    return open_recording(path(name), DType::kF32, small_config());
  };
  EXPECT_FALSE(has_recording(directory_.path()));
  EXPECT_FALSE(has_recording(""));
  EXPECT_EQ(opens("").error().code, ErrorCode::kNotFound);
  write_tensors("golden.safetensors", good_tensors());
  EXPECT_TRUE(has_recording(directory_.path()));
  EXPECT_TRUE(opens(""));
  EXPECT_TRUE(opens("golden.safetensors"));
  // A summary that is there is what counts.
  write("golden.json", R"({"truth": "elsewhere.safetensors"})");
  EXPECT_FALSE(opens(""));
  write_tensors("elsewhere.safetensors", good_tensors());
  EXPECT_EQ(opens("").value()->describe(), path("elsewhere.safetensors") + ", run f32");
  EXPECT_TRUE(opens("golden.json"));
  write("golden.json", R"({"truth": 3})");
  EXPECT_EQ(opens("").error().message, path("golden.json") + ": truth: expected a file name");
}

}  // namespace
}  // namespace ernie::verify::model
