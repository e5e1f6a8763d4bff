#include "cli/completion_script.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/test_directory.h"
#include "cli/program_test_run.h"
#include "cli/shell_test_run.h"

namespace ernie {
namespace {

using Words = std::vector<std::string>;

std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Words lines_of(const std::string& text) {
  Words lines = CLI::detail::split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

bool has(const Words& words, const std::string& word) {
  return std::ranges::count(words, word) > 0;
}

/// bash in a folder with the files `model.gguf`, `my notes` and the directory `models`.
class Bash {
 public:
  explicit Bash(const CLI::App& app) {
    folder_.write("model.gguf", "");
    folder_.write("my notes", "");
    std::filesystem::create_directories(folder_.file("models"));
    folder_.write("bash.sh", completion_script("bash", describe(app)));
    folder_.write("zsh.sh", completion_script("zsh", describe(app)));
  }

  /// What may stand in place of the last word.
  Words complete(const Words& words) const {
    std::string script = "source ./bash.sh\nCOMP_WORDS=(";
    for (const std::string& word : words) script += shell_word(word) + " ";
    script += ")\nCOMP_CWORD=" + std::to_string(words.size() - 1) +
              "\n_ernie\n[ ${#COMPREPLY[@]} == 0 ] || printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    return output_of(script);
  }

  /// The same by the script for zsh, read by bash with stand-ins for the functions of zsh.
  Words complete_as_zsh(const Words& words) const {
    std::string script =
        "compdef() { :; }\ncompset() { :; }\n_message() { echo \"<$*>\"; }\n"
        "_files() { echo \"<files $*>\"; }\n"
        "compadd() { shift; printf '%s\\n' \"$@\"; }\n"
        "_describe() { local -n list=${@: -1}; printf '%s\\n' \"${list[@]}\"; }\n"
        "source ./zsh.sh\n";
    for (size_t i = 0; i < words.size(); ++i) {
      script += "words[" + std::to_string(i + 1) + "]=" + shell_word(words[i]) + "\n";
    }
    return output_of(script + "CURRENT=" + std::to_string(words.size()) + "\n_ernie\n");
  }

  const TestDirectory& folder() const { return folder_; }

 private:
  Words output_of(const std::string& script) const {
    folder_.write("driver", script);
    const std::string quoted = shell_word(folder_.file(""));
    const ShellRun run = run_shell("cd " + quoted + " && HOME=" + quoted + " bash ./driver");
    EXPECT_EQ(run.status, 0) << run.out;
    Words words = lines_of(run.out);
    std::ranges::sort(words);
    return words;
  }

  TestDirectory folder_;
};

class CompletionScript : public ::testing::Test {
 protected:
  const DeclaredProgram program_;
  const Bash bash_{program_.app};
};

TEST_F(CompletionScript, BashCompletesCommands) {
  const Words all = bash_.complete({"ernie", ""});
  for (const CLI::App* command : program_.app.get_subcommands({})) {
    EXPECT_TRUE(has(all, command->get_name())) << command->get_name();
  }
  EXPECT_EQ(bash_.complete({"ernie", "ru"}), (Words{"run", "run-batch"}));
  EXPECT_EQ(bash_.complete({"ernie", "bench", ""}),
            (Words{"latency", "ops", "serve", "throughput"}));
  EXPECT_EQ(bash_.complete({"ernie", "bench", "s"}), Words{"serve"});
  EXPECT_EQ(bash_.complete({"ernie", "nonsense", "zz"}), Words{});
  EXPECT_TRUE(has(bash_.complete({"ernie", "man", "bench-"}), "bench-serve"));
  EXPECT_EQ(bash_.complete({"ernie", "completion", ""}), (Words{"bash", "fish", "zsh"}));
}

TEST_F(CompletionScript, BashKnowsEveryFlagOfEveryCommand) {
  size_t num_flags = 0;
  for (const CLI::App* command : commands_of(program_.app)) {
    Words line = CLI::detail::split(command_name(*command), ' '), expected;
    line.emplace_back("-");
    for (const CLI::Option* option : command->get_options()) {
      const Words names = names_of(*option);
      expected.insert(expected.end(), names.begin(), names.end());
    }
    std::ranges::sort(expected);
    EXPECT_EQ(bash_.complete(line), expected) << command_name(*command);
    num_flags += expected.size();
  }
  EXPECT_GT(num_flags, 300u);
}

TEST_F(CompletionScript, BashCompletesFlagsBehindOthers) {
  EXPECT_EQ(bash_.complete({"ernie", "bench", "serve", "--num-prompts", "5", "--goo"}),
            Words{"--goodput"});
  EXPECT_EQ(bash_.complete({"ernie", "run", "--chat", "--prompt-f"}), Words{"--prompt-file"});
  EXPECT_EQ(bash_.complete({"ernie", "run", "--system", "chat", "--prompt-f"}),
            Words{"--prompt-file"})
      << "a value that is the name of a command";
  EXPECT_TRUE(has(bash_.complete({"ernie", "run", ""}), "--prompt")) << "nothing else can follow";
}

TEST_F(CompletionScript, BashCompletesValuesOfASet) {
  const Words dtypes{"auto", "bfloat16", "float32"};
  EXPECT_EQ(bash_.complete({"ernie", "run", "--dtype", ""}), dtypes);
  EXPECT_EQ(bash_.complete({"ernie", "run", "--dtype", "="}), dtypes);
  EXPECT_EQ(bash_.complete({"ernie", "run", "--dtype", "=", "b"}), Words{"bfloat16"});
  EXPECT_EQ(bash_.complete({"ernie", "bench", "ops", "--suite", "p"}), Words{"published"});
  EXPECT_EQ(bash_.complete({"ernie", "serve", "--ssl-cert-reqs", ""}), (Words{"0", "1", "2"}));
  EXPECT_EQ(bash_.complete({"ernie", "serve", "--max-num-seqs", ""}), Words{});
}

TEST_F(CompletionScript, BashCompletesFilesAndDirectories) {
  const Words all{"model.gguf", "models", "my notes"};
  for (const Words& line :
       {Words{"ernie", "serve", "m"}, Words{"ernie", "serve", "--mmap", "m"},
        Words{"ernie", "serve", "--config", "m"}, Words{"ernie", "run", "--model", "m"},
        Words{"ernie", "bench", "ops", "--html", "=", "m"},
        Words{"ernie", "verify", "model", "--text", "m"},
        Words{"ernie", "verify", "receipt", "m"}}) {
    EXPECT_EQ(bash_.complete(line), all) << CLI::detail::join(line, " ");
  }
  EXPECT_EQ(bash_.complete({"ernie", "inspect", "m"}), Words{"models"});
  EXPECT_EQ(bash_.complete({"ernie", "man", "--output-dir", "m"}), Words{"models"});
  EXPECT_EQ(bash_.complete({"ernie", "serve", "~/models"}), Words{"~/models"});
  EXPECT_EQ(bash_.complete({"ernie", "bench", "serve", "--model", "m"}), Words{})
      << "there it is a name";
}

TEST_F(CompletionScript, TheScriptForZshFindsTheSame) {
  for (const CLI::App* command : commands_of(program_.app)) {
    Words line = CLI::detail::split(command_name(*command), ' ');
    line.emplace_back("-");
    const Words found = bash_.complete_as_zsh(line);
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : names_of(*option)) {
        std::string description = option->get_description();
        std::ranges::replace(description, '\n', ' ');
        EXPECT_TRUE(has(found, description.empty() ? name : name + ":" + description))
            << command_name(*command) << " " << name;
      }
    }
  }
  EXPECT_EQ(bash_.complete_as_zsh({"ernie", "run", "--dtype", ""}),
            (Words{"auto", "bfloat16", "float32"}));
  EXPECT_EQ(bash_.complete_as_zsh({"ernie", "bench", "ops", "--suite=p"}),
            (Words{"model", "published"}))
      << "zsh itself takes those that begin as the word";
  EXPECT_EQ(bash_.complete_as_zsh({"ernie", "serve", ""}), Words{"<files >"});
  EXPECT_EQ(bash_.complete_as_zsh({"ernie", "inspect", ""}), Words{"<files -/>"});
  EXPECT_EQ(bash_.complete_as_zsh({"ernie", "bench", "s"}).size(), 4u);
}

TEST_F(CompletionScript, TheScriptForFishHasEveryFlag) {
  const Words lines = lines_of(completion_script("fish", describe(program_.app)));
  for (const CLI::App* command : commands_of(program_.app)) {
    const std::string at =
        R"(complete -c ernie -n 'test (__ernie_command) = \')" + command_name(*command) + R"(\'')";
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : names_of(*option)) {
        const std::string flag = name.starts_with("--") ? " -l '" + name.substr(2) + "'"
                                                        : " -s '" + name.substr(1) + "'";
        EXPECT_TRUE(std::ranges::any_of(lines,
                                        [&](const std::string& line) {
                                          return line.starts_with(at) &&
                                                 line.find(flag) != std::string::npos;
                                        }))
            << command_name(*command) << " " << name;
      }
    }
  }
}

class CompletionScriptOf : public ::testing::TestWithParam<std::string> {};

TEST_P(CompletionScriptOf, IsReadByItsShell) {
  const std::string& shell = GetParam();
  if (!is_installed(shell)) GTEST_SKIP() << shell << " is not installed";
  const TestDirectory folder;
  const DeclaredProgram program;
  const std::string script =
      folder.write("script", completion_script(shell, describe(program.app)));
  const ShellRun run = run_shell(shell + " -n " + shell_word(script));
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(run.out, "");
}

INSTANTIATE_TEST_SUITE_P(, CompletionScriptOf, ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& shell) { return shell.param; });

// What a declaration may hold and a shell would obey.
const Words kOddChoices{
    "it's", "$(touch pwned)", "`touch pwned`", "a\\b", "$HOME", "-x", "two words", "\"", "*"};
constexpr const char* kOddText = "it's \"$HOME\" `touch pwned` $(touch pwned) \\ a:b -x";

TEST(CompletionScriptTexts, AreNothingThatAShellObeys) {
  CLI::App app{kOddText, "ernie"};
  CLI::App* odd = app.add_subcommand("odd", kOddText);
  std::string value;
  odd->add_option("--pick", value, kOddText)->check(CLI::IsMember(kOddChoices));
  odd->add_option("WHAT", value, kOddText)->check(CLI::IsMember(kOddChoices));
  const Bash bash(app);
  // What is put on the command line reads as the choice itself.
  Words found;
  for (const std::string& word : bash.complete({"ernie", "odd", "--pick", ""})) {
    const std::string line = shell_word("printf %s " + word);
    found.push_back(
        run_shell("cd " + shell_word(bash.folder().file("")) + " && bash -c " + line).out);
  }
  std::ranges::sort(found);
  Words expected = kOddChoices;
  std::ranges::sort(expected);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(bash.complete({"ernie", "odd", ""}).size(), kOddChoices.size());
  EXPECT_EQ(bash.complete_as_zsh({"ernie", "odd", "--pick", ""}), expected);
  std::string doubled = kOddText;
  doubled.insert(doubled.find('\\'), "\\");
  EXPECT_TRUE(has(bash.complete_as_zsh({"ernie", "odd", "--p"}), "--pick:" + doubled));
  EXPECT_FALSE(std::filesystem::exists(bash.folder().file("pwned")));
  const std::string fish = completion_script("fish", describe(app));
  EXPECT_NE(fish.find(R"( -d 'it\'s "$HOME" `touch pwned` $(touch pwned) \\ a:b -x')"),
            std::string::npos);
  EXPECT_NE(fish.find(R"(\'it\\\'s\' \'$(touch pwned)\' \'`touch pwned`\' \'a\\\\b\')"),
            std::string::npos)
      << "the list is read twice";
}

TEST(CompletionCommand, PrintsTheScript) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const ProgramRun run = run_captured({"completion", shell});
    EXPECT_EQ(run.code, 0);
    EXPECT_NE(run.out.find("no-enable-prefix-caching"), std::string::npos) << shell;
    EXPECT_EQ(run.err, "");
  }
  EXPECT_EQ(run_captured({"completion", "csh"}).code, 2);
  EXPECT_EQ(run_captured({"completion"}).code, 2);
}

}  // namespace
}  // namespace ernie
