#include "cli/serve_arguments.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/test_directory.h"

namespace ernie {
namespace {

using Words = std::vector<std::string>;

std::string write_config(const std::string& text) {
  static const TestDirectory folder;
  return folder.write("serve.yaml", text);
}

Words expand(const Words& words) {
  auto expanded = expand_arguments(words);
  return expanded ? *expanded : Words{"error: " + expanded.error().message};
}

TEST(ServeArguments, OtherCommandsStay) {
  EXPECT_EQ(expand({"run", "--max_tokens", "--config", "x"}),
            (Words{"run", "--max_tokens", "--config", "x"}));
}

TEST(ServeArguments, NamesMayHaveUnderscores) {
  EXPECT_EQ(expand({"serve", "my_model", "--max_model_len", "a_b", "--api_key=c_d"}),
            (Words{"serve", "my_model", "--max-model-len", "a_b", "--api-key=c_d"}));
}

TEST(ServeArguments, WhatIsTypedCountsBeforeTheFile) {
  const std::string path = write_config(
      "max-model-len: 5\nport: 1\nserved_model_name: [a, b]\nquiet: true\n"
      "enable-prefix-caching: false\nroot-path: \"true\"\nuds: null\n");
  EXPECT_EQ(expand({"serve", "--config", path, "--port=2"}),
            (Words{"serve", "--max-model-len=5", "--served-model-name=a", "--served-model-name=b",
                   "--quiet", "--no-enable-prefix-caching", "--root-path=true", "--port=2"}));
  EXPECT_EQ(
      expand({"serve", "--config=" + write_config("{\"port\": 3}"), "--enable-prefix-caching"}),
      (Words{"serve", "--port=3", "--enable-prefix-caching"}));
}

TEST(ServeArguments, TheEnvironmentStandsBetween) {
  ::setenv("ERNIE_ARG_PORT", "7", 1);
  ::setenv("ERNIE_ARG_MAX_NUM_SEQS", "8", 1);
  const std::string path = write_config("port: 1\nhost: h\n");
  EXPECT_EQ(expand({"serve", "--config", path, "--max-num-seqs", "9"}),
            (Words{"serve", "--host=h", "--port=7", "--max-num-seqs", "9"}));
  ::unsetenv("ERNIE_ARG_PORT");
  ::unsetenv("ERNIE_ARG_MAX_NUM_SEQS");
}

TEST(ServeArguments, TheEnvironmentMayNameTheFile) {
  ::setenv("ERNIE_ARG_CONFIG", write_config("port: 1\n").c_str(), 1);
  EXPECT_EQ(expand({"serve", "m"}), (Words{"serve", "--port=1", "m"}));
  const TestDirectory folder;
  const std::string typed = folder.write("typed.yaml", "port: 2\n");
  EXPECT_EQ(expand({"serve", "--config", typed}), (Words{"serve", "--port=2"}));
  ::unsetenv("ERNIE_ARG_CONFIG");
}

TEST(ServeArguments, BadFilesAreNamed) {
  for (const char* text : {"- a\n", "a: {b: c}\n", "a: [[b]]\n", "a: [\n", "\xff: a\n"}) {
    const std::string path = write_config(text);
    EXPECT_EQ(expand({"serve", "--config", path}).front().find("error: --config " + path), 0u)
        << text;
  }
  EXPECT_NE(expand({"serve", "--config", "/nonexistent"}).front().find("/nonexistent"),
            std::string::npos);
}

TEST(ServeArguments, EnvironmentNames) {
  EXPECT_EQ(environment_name("--max-model-len"), "ERNIE_ARG_MAX_MODEL_LEN");
}

}  // namespace
}  // namespace ernie
