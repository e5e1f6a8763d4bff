// `ernie inspect`, `dummy` and `tokenize`: what they write, and what the other commands make of it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/file.h"
#include "cli/program_test_run.h"

namespace ernie {
namespace {

namespace json = boost::json;

const std::string kDemo = ERNIE_SOURCE_DIR "/models/demo";

std::string bytes_of(const std::string& path) { return *read_text_file(path, 1 << 28); }

void expect_row(const ProgramRun& run, const std::string& label, const std::string& value) {
  const std::string line = label + std::string(23 - label.size(), ' ') + value + "\n";
  EXPECT_NE(run.out.find(line), std::string::npos) << line << "in\n" << run.out;
}

// Of models/demo/config.json: attention 4 × 49,152, dense layer 147,456, three layers of eight
// experts of 49,152, a shared one, a router of 1,024 and a bias of 8, embedding 131,072, nine norms
// of 128.
constexpr int64_t kDemoParameters =
    4 * 49'152 + 147'456 + 3 * (9 * 49'152 + 1'024 + 8) + 131'072 + 9 * 128;

TEST(InspectCommand, ShowsTheDemoModel) {
  const ProgramRun run = run_captured({"inspect", kDemo});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.err, "");
  expect_row(run, "layers", "4, 3 of them with experts");
  expect_row(run, "heads", "4 for queries, 2 for keys and values, of 32");
  expect_row(run, "dense MLP width", "384");
  expect_row(run, "experts", "8 of width 128, 2 per token; shared width 128");
  expect_row(run, "vocabulary", "1024, output head tied");
  expect_row(run, "longest context", "131072 tokens, rope theta 500000");
  expect_row(run, "layout", "Hugging Face");
  expect_row(run, "files", "1, 3.46 MiB on disk");
  // Six of eight experts of three layers are not read for a token.
  static_assert(kDemoParameters == 1'806'488);
  expect_row(run, "parameters", "1.806 M total, 0.922 M active per token");
  // The routers' 3 × 1,032 values are F32.
  expect_row(run, "weights in memory", "3.45 MiB as BF16");
  expect_row(run, "KV cache", "1024 bytes per token");
  expect_row(run, "", "    4096 tokens     4.00 MiB");
  expect_row(run, "", "  131072 tokens   128.00 MiB");
}

TEST(InspectCommand, SaysWhatFits) {
  EXPECT_NE(run_captured({"inspect", kDemo}).out.find("fits here              yes: "),
            std::string::npos);
  const TestDirectory folder;
  // More than any memory.
  const std::string config = folder.write(
      "config.json", R"({"architectures":["Ernie4_5ForCausalLM"],"model_type":"ernie4_5",
      "vocab_size":1000000,"hidden_size":262144,"intermediate_size":262144,"num_hidden_layers":8,
      "num_attention_heads":64,"num_key_value_heads":8,"head_dim":128,"torch_dtype":"bfloat16",
      "max_position_embeddings":131072,"rms_norm_eps":1e-5,"rope_theta":500000,
      "tie_word_embeddings":true,"hidden_act":"silu","use_bias":false})");
  const std::string model = folder.file("model");
  const ProgramRun written = run_captured({"dummy", model, "--config", config, "--sparse"});
  ASSERT_EQ(written.code, 0) << written.err;
  const ProgramRun run = run_captured({"inspect", model});
  EXPECT_NE(run.out.find("fits here              no: "), std::string::npos) << run.out << run.err;
  EXPECT_NE(run.out.find("; with --mmap the weights stay in the file"), std::string::npos);
}

TEST(InspectCommand, JsonHasTheSameFigures) {
  const ProgramRun run = run_captured({"inspect", "--json", kDemo});
  EXPECT_EQ(run.code, 0);
  const json::object object = json::parse(run.out).as_object();
  EXPECT_EQ(object.at("problems").as_array().size(), 0u);
  EXPECT_EQ(object.at("parameters"), kDemoParameters);
  EXPECT_EQ(object.at("active_parameters"), kDemoParameters - 3 * 6 * 49'152);
  EXPECT_EQ(object.at("weight_bytes"), 2 * kDemoParameters + 2 * 3 * 1'032);
  EXPECT_EQ(object.at("file_bytes"), std::filesystem::file_size(kDemo + "/model.safetensors"));
  EXPECT_EQ(object.at("config").at("num_key_value_heads"), 2);
  // 4,096, twice as many, and so on up to 131,072.
  const json::array& contexts = object.at("kv_bytes_by_context").as_array();
  ASSERT_EQ(contexts.size(), 6u);
  EXPECT_EQ(contexts[1], (json::object{{"tokens", 8192}, {"bytes", 8192 * 1024}}));
  int64_t num_values = 0;
  for (const json::value& dtype : object.at("dtypes").as_array()) {
    num_values += dtype.at("values").as_int64();
  }
  EXPECT_EQ(num_values, kDemoParameters);
}

TEST(InspectCommand, AnUnusableCheckpointIsRefusedWithItsProblems) {
  const TestDirectory folder;
  folder.write("config.json", bytes_of(kDemo + "/config.json"));
  folder.write("model.safetensors", bytes_of(kDemo + "/model.safetensors").substr(0, 100'000));
  const ProgramRun text = run_captured({"inspect", folder.file("")});
  EXPECT_EQ(text.code, 2);
  EXPECT_NE(text.out.find("model.safetensors"), std::string::npos) << text.out;
  EXPECT_EQ(text.err, "ernie inspect: " + folder.file("") + ": would be refused for 1 problem\n");
  const ProgramRun of_json = run_captured({"inspect", "--json", folder.file("")});
  EXPECT_EQ(of_json.code, 2);
  EXPECT_EQ(of_json.err, text.err);
  const json::object object = json::parse(of_json.out).as_object();
  ASSERT_EQ(object.size(), 1u);
  EXPECT_EQ(std::string(object.at("problems").as_array().at(0).as_string()) + "\n", text.out);
}

TEST(DummyCommand, WritesWhatInspectAndALoadAccept) {
  const TestDirectory folder;
  for (const std::string dtype : {"bfloat16", "float16", "float32"}) {
    const std::string model = folder.file(dtype);
    const ProgramRun written = run_captured({"dummy", model, "--dtype", dtype});
    ASSERT_EQ(written.code, 0) << written.err;
    EXPECT_TRUE(written.out.starts_with(model + ": ")) << written.out;
    const ProgramRun inspected = run_captured({"inspect", "--json", model});
    EXPECT_EQ(inspected.code, 0) << inspected.out;
    EXPECT_EQ(json::parse(inspected.out).at("config").at("torch_dtype").as_string(), dtype.c_str());
    const ProgramRun answered =
        run_captured({"run", "--model", model, "--tokenizer", kDemo, "--prompt", "a",
                      "--max-tokens", "1", "--no-echo", "--quiet", "--threads", "1"});
    EXPECT_EQ(answered.code, 0) << answered.err;
  }
}

TEST(DummyCommand, SeedAndTypeDecideTheBytes) {
  const TestDirectory folder;
  const auto written = [&](const std::string& name, const std::vector<std::string>& flags) {
    std::vector<std::string> arguments{"dummy", folder.file(name)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    EXPECT_EQ(run_captured(arguments).code, 0);
    return bytes_of(folder.file(name) + "/model.safetensors");
  };
  const std::string first = written("a", {"--seed", "5"});
  EXPECT_EQ(written("b", {"--seed", "5"}), first);
  const std::string other = written("c", {"--seed", "6"});
  EXPECT_EQ(other.size(), first.size());
  EXPECT_NE(other, first);
  EXPECT_GT(written("d", {"--seed", "5", "--dtype", "float32"}).size(), 3 * first.size() / 2);
}

TEST(DummyCommand, ReplacesNothingUnlessForced) {
  const TestDirectory folder;
  const std::string weights = folder.file("model.safetensors");
  ASSERT_EQ(run_captured({"dummy", folder.file("")}).code, 0);
  const std::string first = bytes_of(weights);
  const ProgramRun again = run_captured({"dummy", folder.file(""), "--seed", "1"});
  EXPECT_EQ(again.code, 2);
  EXPECT_TRUE(again.err.starts_with("ernie dummy: ")) << again.err;
  EXPECT_EQ(bytes_of(weights), first);
  EXPECT_EQ(run_captured({"dummy", folder.file(""), "--seed", "1", "--force"}).code, 0);
  EXPECT_NE(bytes_of(weights), first);
}

TEST(DummyCommand, ASparseFileTakesNoRoom) {
  const TestDirectory folder;
  const ProgramRun run =
      run_captured({"dummy", folder.file("model"), "--sparse", "--config", "0.3b"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("all zero as the file is sparse"), std::string::npos);
  struct stat status {};
  ASSERT_EQ(::stat((folder.file("model") + "/model.safetensors").c_str(), &status), 0);
  EXPECT_GT(status.st_size, 2 * 360'748'032) << "two bytes for each parameter";
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
  EXPECT_EQ(run_captured({"inspect", folder.file("model")}).code, 0);
}

TEST(DummyCommand, TakesTheShapeOfAConfigFile) {
  const TestDirectory folder;
  json::object config = json::parse(bytes_of(kDemo + "/config.json")).as_object();
  config["num_hidden_layers"] = 2;
  config["vocab_size"] = 512;
  config["num_nextn_predict_layers"] = 1;
  const std::string path = folder.write("my.json", json::serialize(config));
  const std::string model = folder.file("model");
  ASSERT_EQ(run_captured({"dummy", model, "--config", path}).code, 0);
  const ProgramRun inspected = run_captured({"inspect", "--json", model});
  const json::object found = json::parse(inspected.out).as_object();
  EXPECT_EQ(found.at("config").at("num_hidden_layers"), 2);
  EXPECT_EQ(found.at("config").at("vocab_size"), 512);
  const json::object copied = json::parse(bytes_of(model + "/config.json")).as_object();
  const json::value* extra = copied.if_contains("num_nextn_predict_layers");
  EXPECT_TRUE(extra == nullptr || *extra == 0) << "layers that are not written";
  EXPECT_EQ(run_captured({"dummy", folder.file("x"), "--config", "huge"}).err,
            "ernie dummy: --config: got huge, expected a file or one of 21b, 0.3b, tiny\n");
  folder.write("my.json", "{}");
  EXPECT_EQ(run_captured({"dummy", folder.file("x"), "--config", path}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder.file("x")));
}

/// Another file in the place of a standard one.
class Redirected {
 public:
  Redirected(int fd, const std::string& path, int mode) : fd_(fd), saved_(::dup(fd)) {
    const int file = ::open(path.c_str(), mode);
    ::dup2(file, fd);
    ::close(file);
  }
  ~Redirected() {
    ::dup2(saved_, fd_);
    ::close(saved_);
  }

 private:
  int fd_, saved_;
};

TEST(TokenizeCommand, UsesTheDemosTokenizer) {
  const TestDirectory folder;
  const std::string texts = folder.write("in", "\"17 + 25 =\"\n\"\"\n");
  const auto tokenized = [&](const std::string& input, std::vector<std::string> flags) {
    flags.insert(flags.begin(), "tokenize");
    const Redirected standard_input(STDIN_FILENO, input, O_RDONLY);
    return run_captured(flags);
  };
  const ProgramRun own = tokenized(texts, {});
  EXPECT_EQ(own.code, 0) << own.err;
  EXPECT_EQ(tokenized(texts, {"--tokenizer", kDemo}).out, own.out);
  EXPECT_TRUE(own.out.ends_with("]\n[]\n")) << own.out;
  EXPECT_EQ(tokenized(folder.write("ids", own.out), {"--decode"}).out, bytes_of(texts));
}

TEST(TokenizeCommand, AFullDiskIsAnError) {
  const TestDirectory folder;
  const Redirected input(STDIN_FILENO, folder.write("in", "\"a\"\n"), O_RDONLY);
  const char* argv[] = {"ernie", "tokenize"};
  testing::internal::CaptureStderr();
  int code = 0;
  {
    const Redirected output(STDOUT_FILENO, "/dev/full", O_WRONLY);
    code = run_program(2, argv, EngineLoader());
    std::clearerr(stdout);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "ernie tokenize: <stdout>: cannot write\n");
  EXPECT_EQ(code, 2);
}

}  // namespace
}  // namespace ernie
