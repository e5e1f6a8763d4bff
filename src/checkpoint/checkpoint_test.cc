#include "checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "base/test_source.h"
#include "checkpoint/checkpoint_test_files.h"
#include "checkpoint/checkpoint_writer.h"
#include "checkpoint/safetensors.h"

namespace ernie {
namespace {

namespace fs = std::filesystem;

using Tensors = std::vector<StoredTensor>;

std::string bytes_of(const HostMatrix& matrix) {
  const auto bytes = matrix.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whether a matrix is a tensor of that shape; a vector is one row.
bool has_shape(const HostMatrix& matrix, const Shape& shape) {
  const int64_t rows = shape.rank() == 1 ? 1 : shape[0];
  return matrix.num_rows() == rows && matrix.num_columns() == shape[shape.rank() - 1];
}

Result<std::unique_ptr<WeightSource>> open_in_memory(const std::string& config,
                                                     const Tensors& tensors) {
  return open_checkpoint(kept_source("config.json", config),
                         kept_source("m.safetensors", make_safetensors(tensors)));
}

StoredTensor& named(Tensors& tensors, std::string_view name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const auto& tensor) { return tensor.name == name; });
  EXPECT_NE(found, tensors.end()) << name;
  return *found;
}

void expect_equal_weights(const WeightSource& a, const WeightSource& b) {
  const auto tensors = model_tensors(a.config());
  ASSERT_EQ(tensors.size(), model_tensors(b.config()).size());
  for (const TensorSpec& tensor : tensors) {
    const auto x = a.read(tensor.name), y = b.read(tensor.name);
    ASSERT_TRUE(x && y) << tensor.name;
    EXPECT_TRUE(has_shape(*x, tensor.shape)) << tensor.name;
    EXPECT_TRUE(has_shape(*y, tensor.shape)) << tensor.name;
    EXPECT_EQ(x->format().name, y->format().name) << tensor.name;
    EXPECT_EQ(bytes_of(*x), bytes_of(*y)) << tensor.name;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(y->row(0)) % y->format().block_bytes, 0u);
  }
}

TEST(Checkpoint, ReadsEveryTensorAsStored) {
  const Tensors stored = small_tensors();
  const auto weights = open_in_memory(small_config(), stored);
  ASSERT_TRUE(weights) << weights.error().message;
  const auto tensors = model_tensors((*weights)->config());
  ASSERT_EQ(tensors.size(), stored.size());
  Tensors copy = stored;
  for (const TensorSpec& tensor : tensors) {
    const auto read = (*weights)->read(tensor.name);
    ASSERT_TRUE(read) << tensor.name;
    EXPECT_TRUE(has_shape(*read, tensor.shape));
    EXPECT_EQ(bytes_of(*read), named(copy, tensor.name).bytes) << tensor.name;
  }
  EXPECT_EQ((*weights)->read("model.mtp_emb_norm.0.weight").error().code, ErrorCode::kNotFound);
}

TEST(Checkpoint, TensorsOutliveTheirSource) {
  auto weights = open_in_memory(small_config(), small_tensors());
  ASSERT_TRUE(weights);
  const HostMatrix tensor = *(*weights)->read("model.norm.weight");
  const std::string before = bytes_of(tensor);
  weights->reset();
  EXPECT_EQ(bytes_of(tensor), before);
}

TEST(Checkpoint, EveryPublishedFormGivesTheSameTensors) {
  const auto reference = open_checkpoint(golden_directory("moe_shared"));
  ASSERT_TRUE(reference) << reference.error().message;
  for (const char* form : {"moe_shared_fused", "moe_shared_sharded", "moe_shared_paddle"}) {
    SCOPED_TRACE(form);
    const auto other = open_checkpoint(golden_directory(form));
    ASSERT_TRUE(other) << other.error().message;
    expect_equal_weights(**reference, **other);
  }
}

TEST(Checkpoint, StackedExpertsShareTheFilesMemory) {
  const auto weights = open_checkpoint(golden_directory("moe_shared_fused"));
  ASSERT_TRUE(weights) << weights.error().message;
  const std::string prefix = "model.layers.1.mlp.experts.";
  const auto gate = (*weights)->read(prefix + "1.gate_proj.weight");
  const auto up = (*weights)->read(prefix + "1.up_proj.weight");
  EXPECT_EQ(gate->row(0) + gate->num_bytes(), up->row(0));
}

TEST(Checkpoint, ATiedModelMayHaveAHeadAndOthersMust) {
  const StoredTensor head{"lm_head.weight", "BF16", {10, 8}, patterned_bytes(160)};
  Tensors with_head = small_tensors();
  with_head.push_back(head);
  const std::string untied = changed_json(small_config(), R"({"tie_word_embeddings": false})");
  const std::string silent = changed_json(small_config(), R"({"tie_word_embeddings": "<absent>"})");

  const auto tied = open_in_memory(small_config(), with_head);
  ASSERT_TRUE(tied) << tied.error().message;
  EXPECT_EQ((*tied)->config().tie_word_embeddings, true);
  EXPECT_FALSE((*tied)->read("lm_head.weight"));

  const auto separate = open_in_memory(untied, with_head);
  ASSERT_TRUE(separate) << separate.error().message;
  EXPECT_EQ(bytes_of(*(*separate)->read("lm_head.weight")), head.bytes);

  const auto missing = open_in_memory(untied, small_tensors());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "m.safetensors: tensor \"lm_head.weight\": got nothing, expected [10, 8]");

  EXPECT_EQ((*open_in_memory(silent, with_head))->config().tie_word_embeddings, false);
  EXPECT_EQ((*open_in_memory(silent, small_tensors()))->config().tie_word_embeddings, true);
}

TEST(Checkpoint, LeavesAsideWhatItDoesNotRun) {
  Tensors tensors = small_tensors();
  tensors.push_back({"model.mtp_emb_norm.0.weight", "BF16", {8}, patterned_bytes(16)});
  tensors.push_back({"model.mtp_linear_proj.0.weight", "I8", {3}, "abc"});
  tensors.push_back(
      {"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {2}, patterned_bytes(8)});
  const auto weights = open_in_memory(small_config(), tensors);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_NE((*weights)->describe().find("2 MTP tensors left aside"), std::string::npos)
      << (*weights)->describe();
}

TEST(Checkpoint, AcceptsOtherFloatTypes) {
  Tensors tensors = small_tensors();
  named(tensors, "model.layers.1.mlp.gate.weight").dtype = "BF16";
  named(tensors, "model.layers.1.mlp.gate.weight").bytes = patterned_bytes(32);
  named(tensors, "model.norm.weight").dtype = "F32";
  named(tensors, "model.norm.weight").bytes = patterned_bytes(32);
  named(tensors, "model.embed_tokens.weight").dtype = "F16";
  const auto weights = open_in_memory(small_config(), tensors);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ((*weights)->read("model.layers.1.mlp.gate.weight")->format().id, FormatId::kBF16);
  EXPECT_EQ((*weights)->read("model.norm.weight")->format().id, FormatId::kF32);
  EXPECT_EQ((*weights)->read("model.embed_tokens.weight")->format().id, FormatId::kF16);
}

TEST(Checkpoint, CopiesTensorsThatAreNotAligned) {
  Tensors tensors = small_tensors();
  tensors.insert(tensors.begin(), {"model.mtp_odd", "U8", {1}, "x"});
  const auto odd = open_in_memory(small_config(), tensors);
  const auto even = open_in_memory(small_config(), small_tensors());
  ASSERT_TRUE(odd && even) << odd.error().message;
  expect_equal_weights(**even, **odd);
}

TEST(Checkpoint, NamesWhatIsWrong) {
  struct Case {
    std::function<void(Tensors&)> change;
    const char* message;
  };
  const Case cases[] = {
      {[](Tensors& t) { t.pop_back(); },
       "m.safetensors: tensor \"model.norm.weight\": got nothing, expected [8]"},
      {[](Tensors& t) { named(t, "model.layers.1.mlp.experts.1.up_proj.weight").name += "x"; },
       "tensor \"model.layers.1.mlp.experts.1.up_proj.weight\": got nothing, expected [4, 8], or "
       "\"model.layers.1.mlp.experts.gate_up_proj\" [2, 8, 8]"},
      {[](Tensors& t) {
         t.push_back({"model.layers.2.extra", "BF16", {1}, "ab"});
       },
       "tensor \"model.layers.2.extra\": got [1], expected no tensor of that name"},
      {[](Tensors& t) {
         t.push_back({"lm_head.bias", "BF16", {1}, "ab"});
       },
       "tensor \"lm_head.bias\": got [1], expected no tensor of that name"},
      {[](Tensors& t) {
         named(t, "model.layers.0.self_attn.k_proj.weight").dims = {8, 4};
       },
       "tensor \"model.layers.0.self_attn.k_proj.weight\": shape: got [8, 4], expected [4, 8]"},
      {[](Tensors& t) {
         named(t, "model.norm.weight").dims = {8, 1};
       },
       "tensor \"model.norm.weight\": shape: got [8, 1], expected [8]"},
      {[](Tensors& t) { named(t, "model.norm.weight").dtype = "I16"; },
       "tensor \"model.norm.weight\": dtype: got I16, expected F32, BF16 or F16"},
      {[](Tensors& t) { named(t, "model.norm.weight").dtype = "U16"; },
       "tensor \"model.norm.weight\": dtype: got U16"},
  };
  for (const Case& test : cases) {
    Tensors tensors = small_tensors();
    test.change(tensors);
    const auto weights = open_in_memory(small_config(), tensors);
    ASSERT_FALSE(weights) << test.message;
    EXPECT_NE(weights.error().message.find(test.message), std::string::npos)
        << weights.error().message;
  }
}

TEST(Checkpoint, ListsTenProblemsAndCountsTheRest) {
  const auto weights = open_in_memory(small_config(), {});
  ASSERT_FALSE(weights);
  const std::string& message = weights.error().message;
  size_t num_listed = 0;
  for (size_t at = message.find("got nothing"); at != std::string::npos;
       at = message.find("got nothing", at + 1)) {
    ++num_listed;
  }
  EXPECT_EQ(num_listed, 10u);
  EXPECT_TRUE(message.ends_with(fmt::format("; and {} more", small_tensors().size() - 10)))
      << message;
}

/// The small checkpoint in two files and an index.
struct Shards {
  TestDirectory directory;
  Tensors first = small_tensors(), second;
  std::string map;

  Shards() {
    second.assign(first.begin() + 10, first.end());
    first.resize(10);
    for (const StoredTensor& tensor : first) add_to_map(tensor.name, "one.safetensors");
    for (const StoredTensor& tensor : second) add_to_map(tensor.name, "two.safetensors");
  }
  void add_to_map(const std::string& tensor, const std::string& file) {
    map += fmt::format("{}\"{}\": \"{}\"", map.empty() ? "" : ", ", tensor, file);
  }
  Result<std::unique_ptr<WeightSource>> open() const {
    directory.write("config.json", small_config());
    directory.write("one.safetensors", make_safetensors(first));
    directory.write("two.safetensors", make_safetensors(second));
    directory.write("model.safetensors.index.json", fmt::format("{{\"weight_map\": {{{}}}}}", map));
    return open_checkpoint(directory.path());
  }
};

TEST(Checkpoint, ReadsShards) {
  const auto weights = Shards().open();
  ASSERT_TRUE(weights) << weights.error().message;
  const auto whole = open_in_memory(small_config(), small_tensors());
  expect_equal_weights(**whole, **weights);
}

TEST(Checkpoint, ShardsAndIndexMustAgree) {
  struct Case {
    std::function<void(Shards&)> change;
    const char* message;
  };
  const Case cases[] = {
      {[](Shards& s) { s.first.push_back(s.second.back()); },
       "one.safetensors as well, expected it in one file"},
      {[](Shards& s) {
         s.second.push_back({"model.mtp_x", "U8", {1}, "x"});
       },
       "tensor \"model.mtp_x\": got it in no entry, expected "},
      {[](Shards& s) { s.add_to_map("model.mtp_y", "two.safetensors"); },
       "two.safetensors: tensor \"model.mtp_y\": got nothing, expected it here"},
      {[](Shards& s) { s.add_to_map("model.mtp_y", "three.safetensors"); },
       "three.safetensors: cannot open"},
      {[](Shards& s) { std::swap(s.first, s.second); }, "got nothing, expected it here"},
      {[](Shards& s) { s.add_to_map("model.mtp_y", "../two.safetensors"); },
       "expected a file inside the directory"},
  };
  for (const Case& test : cases) {
    Shards shards;
    test.change(shards);
    const auto weights = shards.open();
    ASSERT_FALSE(weights) << test.message;
    EXPECT_NE(weights.error().message.find(test.message), std::string::npos)
        << weights.error().message;
  }
}

TEST(Checkpoint, SaysWhatIsMissingInADirectory) {
  const TestDirectory directory;
  const auto empty = open_checkpoint(directory.path());
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().message.find("config.json: cannot open"), std::string::npos);
  EXPECT_NE(empty.error().message.find("model.safetensors: cannot open"), std::string::npos);
  EXPECT_EQ(empty.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(open_checkpoint(directory.file("none")).error().code, ErrorCode::kNotFound);
  directory.write("file", "");
  EXPECT_NE(open_checkpoint(directory.file("file")).error().message.find("got a file"),
            std::string::npos);
  directory.write("config.json", small_config());
  directory.write("model.safetensors", "");
  EXPECT_NE(open_checkpoint(directory.path()).error().message.find("got 0 bytes"),
            std::string::npos);
}

TEST(Checkpoint, WrittenAndOpenedAgain) {
  for (const DType dtype : {DType::kBF16, DType::kF32}) {
    ModelConfig config = *preset_model_config("tiny");
    config.dtype = dtype;
    config.tie_word_embeddings = dtype == DType::kBF16;
    const auto dummy = make_dummy_weights(config, 7);
    const TestDirectory directory;
    uint64_t last = 0, total = 0;
    CheckpointWriteOptions options;
    options.on_progress = [&](uint64_t done, uint64_t all) {
      EXPECT_GT(done, last);
      last = done;
      total = all;
    };
    const auto written = write_checkpoint(*dummy, directory.file("new/model"), options);
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(last, total);
    const auto weights = open_checkpoint(directory.file("new/model"));
    ASSERT_TRUE(weights) << weights.error().message;
    expect_equal_weights(*dummy, **weights);
    const auto source = ByteSource::map_file(directory.file("new/model/model.safetensors"));
    const auto file = SafetensorsFile::open(*source);
    const auto* bias = file->find("model.layers.1.mlp.moe_statics.e_score_correction_bias");
    ASSERT_NE(bias, nullptr);
    EXPECT_EQ(bias->shape, (Shape{1, 8})) << "as the published files have it";
    EXPECT_EQ(bias->dtype, DType::kF32);

    const auto again = write_checkpoint(*dummy, directory.file("new/model"), {});
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message.find("got an existing checkpoint"), std::string::npos);
    options = {};
    options.overwrite = true;
    EXPECT_TRUE(
        write_checkpoint(*make_dummy_weights(config, 8), directory.file("new/model"), options));
  }
}

TEST(Checkpoint, A21bHeaderIsCheckedInUnderASecond) {
  const TestDirectory directory;
  CheckpointWriteOptions options;
  options.sparse = true;
  const auto dummy = make_dummy_weights(*preset_model_config("21b"), 0);
  const auto written = write_checkpoint(*dummy, directory.path(), options);
  ASSERT_TRUE(written) << written.error().message;
  const auto start = std::chrono::steady_clock::now();
  const auto weights = open_checkpoint(directory.path());
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(weights) << weights.error().message;
  RecordProperty("milliseconds", static_cast<int>(elapsed.count() * 1e3));
  EXPECT_LT(elapsed.count(), 1.0);
  const auto last = (*weights)->read("model.layers.27.mlp.experts.63.down_proj.weight");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->bytes().back(), std::byte{0});
}

}  // namespace
}  // namespace ernie
