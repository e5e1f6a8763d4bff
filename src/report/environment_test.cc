#include "report/environment.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <regex>
#include <set>

namespace ernie::report {
namespace {

TEST(Environment, KnowsThisMachineAndProgram) {
  const Environment environment = collect_environment();
  EXPECT_GE(environment.num_cpus, 1);
  EXPECT_GT(environment.memory_bytes, uint64_t{64} << 20);
  EXPECT_NE(environment.system.find("Linux"), std::string::npos);
  EXPECT_NE(environment.command_line.find("report_test"), std::string::npos);
  EXPECT_TRUE(std::regex_match(environment.version, std::regex(R"(\d+\.\d+\.\d+)")));
  EXPECT_TRUE(std::regex_match(environment.compiler, std::regex(R"((clang|g)\+\+ [\d.]+)")));
  EXPECT_TRUE(std::regex_match(environment.commit, std::regex(R"([0-9a-f]{12}\+?|unknown)")))
      << environment.commit;
  EXPECT_TRUE(
      std::regex_match(environment.date_utc, std::regex(R"(20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC)")));
}

TEST(Environment, LeavesOutWhatIsNotKnown) {
  const Environment environment{.cpu_model = "Some CPU", .l2_bytes = 524288, .version = "1.2.3"};
  const auto rows = environment_rows(environment);
  std::set<std::string> names;
  for (const auto& [name, value] : rows) {
    EXPECT_FALSE(value.empty()) << name.en;
    EXPECT_FALSE(name.zh.empty()) << name.en;
    names.insert(name.en + ": " + value);
  }
  EXPECT_EQ(names, (std::set<std::string>{"Processor: Some CPU", "Caches: L2 512 KiB",
                                          "Program: ernie 1.2.3"}));
}

TEST(Environment, JsonHasEveryField) {
  const boost::json::object object =
      to_json({.cpu_model = "a \"b\"", .num_cpus = 3, .instruction_sets = {"avx2", "fma"}});
  EXPECT_EQ(object.size(), 16u);
  EXPECT_EQ(object.at("cpu_model").as_string(), "a \"b\"");
  EXPECT_EQ(object.at("num_cpus").as_int64(), 3);
  EXPECT_EQ(object.at("instruction_sets").as_array().size(), 2u);
}

TEST(WithoutSecrets, HidesKeysHoweverTheyAreGiven) {
  using Arguments = std::vector<std::string>;
  EXPECT_EQ(without_secrets({"ernie", "--api-key", "s1", "--url", "http://x"}),
            (Arguments{"ernie", "--api-key", "***", "--url", "http://x"}));
  EXPECT_EQ(without_secrets({"ernie", "--api-key=s1=s2", "x"}),
            (Arguments{"ernie", "--api-key=***", "x"}));
  EXPECT_EQ(without_secrets({"ernie", "--api_key", "s1", "s2"}),
            (Arguments{"ernie", "--api_key", "***", "***"}));
  EXPECT_EQ(without_secrets({"ernie", "--api_key=s1", "--api-keys=3"}),
            (Arguments{"ernie", "--api-key=***", "--api-keys=3"}));
}

TEST(ShellQuoted, IsReadBackAsTheSameArguments) {
  EXPECT_EQ(shell_quoted({"ernie", "--a=b", "/x.y"}), "ernie --a=b /x.y");
  EXPECT_EQ(shell_quoted({"a b", "", "it's", "$x"}), "'a b' '' 'it'\\''s' '$x'");
}

}  // namespace
}  // namespace ernie::report
