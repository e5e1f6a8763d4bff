#include "cli/man_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/test_directory.h"
#include "cli/command_notes.h"
#include "cli/program_test_run.h"
#include "cli/serve_arguments.h"
#include "cli/shell_test_run.h"

namespace ernie {
namespace {

/// As roff has it: all that flags, numbers and names need.
std::string dashes_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += (c == '-' ? "\\" : "") + std::string(1, c);
  return out;
}

/// The page as a reader sees it, each paragraph a line. Warnings are failures.
std::string rendered(const TestDirectory& folder, const std::string& page) {
  const std::string path = folder.write("page.1", page);
  const ShellRun run =
      run_shell("groff -man -ww -Tutf8 -P-cbou -rLL=2000n " + path + " >" + path + ".txt");
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(run.out, "");
  return run_shell("cat " + path + ".txt").out;
}

class ManPage : public ::testing::Test {
 protected:
  ManPage() : program_(describe(declared_.app)) {}

  std::string page_of(const std::string& name) const {
    for (const CommandDescription* command : flattened(program_)) {
      if (command->name == name) return man_page(*command, program_, "1.2.3");
    }
    ADD_FAILURE() << name;
    return "";
  }

  const DeclaredProgram declared_;
  const CommandDescription program_;
};

TEST_F(ManPage, EverySectionIsThereInOrder) {
  for (const CommandDescription* command : flattened(program_)) {
    const std::string page = page_of(command->name);
    size_t at = 0;
    for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT",
                                "EXIT STATUS", "EXAMPLES", "SEE ALSO"}) {
      at = page.find(std::string("\n.SH ") + section + "\n", at);
      ASSERT_NE(at, std::string::npos) << command->name << ": " << section;
      EXPECT_NE(page.compare(page.find('\n', at + 1) + 1, 3, ".SH"), 0) << "an empty " << section;
    }
    EXPECT_TRUE(std::ranges::all_of(page, [](unsigned char c) { return c < 0x80; }));
  }
}

TEST_F(ManPage, EveryFlagIsThereWithItsDefault) {
  for (const CLI::App* command : commands_of(declared_.app)) {
    const std::string page = page_of(command_name(*command));
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : names_of(*option)) {
        const std::string term = "\\fB" + dashes_escaped(name) + "\\fR";
        const size_t at = page.find(term);
        ASSERT_NE(at, std::string::npos) << command_name(*command) << " " << name;
        const std::string entry = page.substr(at, page.find("\n.", at) - at);
        std::string value = option->get_default_str();
        if (value.find('"') != std::string::npos) continue;  // ["*"], which is escaped
        if (!value.empty()) value = "Default: " + dashes_escaped(value) + ".";
        EXPECT_NE(entry.find(value), std::string::npos) << entry;
      }
    }
  }
}

TEST_F(ManPage, GroupsAreHeadings) {
  const std::string page = page_of("ernie serve");
  size_t at = 0;
  for (const char* group : {"Network", "Model and device", "Scheduling and memory", "Limits"}) {
    at = page.find(std::string("\n.SS ") + group + "\n", at);
    ASSERT_NE(at, std::string::npos) << group;
  }
  EXPECT_LT(page.find("\n.SS Network\n"), page.find("\\fB\\-\\-port\\fR"));
  EXPECT_LT(page.find("\\fB\\-\\-port\\fR"), page.find("\n.SS Limits\n"));
  const std::string bench = page_of("ernie bench serve");
  EXPECT_LT(bench.find("\\fB\\-\\-goodput\\fR"), bench.find("\n.SS "))
      << "declared behind a group, and in none";
}

TEST_F(ManPage, ServeListsTheTwinsOfItsFlags) {
  const std::string page = page_of("ernie serve");
  const std::string environment = page.substr(page.find(".SH ENVIRONMENT"));
  for (const CLI::Option* option : declared_.app.get_subcommand("serve")->get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const bool is_twin = name != "help" && !name.starts_with("no-");
      EXPECT_EQ(environment.find("\\fB" + environment_name(name) + "\\fR") != std::string::npos,
                is_twin)
          << name;
    }
  }
  EXPECT_NE(environment.find("\\fBVLLM_API_KEY\\fR"), std::string::npos);
  EXPECT_NE(environment.find("\nWhat is typed counts before these.\n"), std::string::npos);
  EXPECT_EQ(page_of("ernie run").find("ERNIE_ARG"), std::string::npos);
}

/// The command below `app` of that name, or null.
const CLI::App* below(const CLI::App* app, const std::string& name) {
  if (app == nullptr) return nullptr;
  const auto found =
      app->get_subcommands([&](const CLI::App* one) { return one->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

TEST_F(ManPage, ExamplesAreCommandLines) {
  for (const CLI::App* command : commands_of(declared_.app)) {
    const CommandNotes notes = notes_of(command_name(*command));
    EXPECT_FALSE(notes.examples.empty()) << command_name(*command);
    for (const auto& [line, text] : notes.examples) {
      const CLI::App* called = nullptr;
      bool calls_it = false;
      for (const std::string& word : CLI::detail::split(line, ' ')) {
        if (word == "|") called = nullptr;
        if (word == "ernie" || word == "<(ernie") called = &declared_.app;
        if (const CLI::App* next = below(called, word)) called = next;
        calls_it = calls_it || called == command;
        if (called == nullptr || !word.starts_with('-')) continue;
        EXPECT_NE(called->get_option_no_throw(word), nullptr) << line << ": " << word;
      }
      EXPECT_TRUE(calls_it) << line;
    }
  }
}

TEST_F(ManPage, GroffReadsThemWithoutAWarning) {
  if (!is_installed("groff")) GTEST_SKIP() << "groff is not installed";
  const TestDirectory folder;
  for (const CommandDescription* command : flattened(program_)) {
    SCOPED_TRACE(command->name);
    const std::string text = rendered(folder, page_of(command->name));
    EXPECT_NE(text.find(dashed(command->name) + " - "), std::string::npos);
  }
  const std::string serve = rendered(folder, page_of("ernie serve"));
  EXPECT_NE(serve.find("--port UINT\n"), std::string::npos) << serve;
  EXPECT_NE(serve.find("Port to listen on; 0: any that is free. From 0 to 65535. Default: 8000."),
            std::string::npos);
  EXPECT_NE(rendered(folder, page_of("ernie bench ops")).find("(linear, attention, …)"),
            std::string::npos);
}

/// What shows a page, and how it is asked for warnings.
using Reader = std::pair<std::string, std::string>;
class ManPageReader : public ManPage, public ::testing::WithParamInterface<Reader> {};

TEST_P(ManPageReader, HasNoWarning) {
  const auto& [program, command] = GetParam();
  if (!is_installed(program)) GTEST_SKIP() << program << " is not installed";
  const TestDirectory folder;
  for (const CommandDescription* one : flattened(program_)) {
    const std::string path = folder.write("page.1", page_of(one->name));
    const ShellRun run = run_shell(command + " " + path + " >/dev/null");
    EXPECT_EQ(run.status, 0) << one->name;
    EXPECT_EQ(run.out, "") << one->name;
  }
}

INSTANTIATE_TEST_SUITE_P(, ManPageReader,
                         ::testing::Values(Reader("man", "LC_ALL=C.UTF-8 man -l --warnings"),
                                           Reader("mandoc", "mandoc -T lint -W warning")),
                         [](const auto& reader) { return reader.param.first; });

TEST(ManPageTexts, AreNothingThatRoffObeys) {
  if (!is_installed("groff")) GTEST_SKIP() << "groff is not installed";
  const std::string odd = R"(.so it's "$HOME" `ls` \fB \n(.x ^~ -x 你 %)";
  CLI::App app{odd, "ernie"};
  std::string value;
  app.add_option("--odd", value, odd)->default_str("'quoted' .TP");
  app.add_option("--quote", value, "'it begins with a quote\n.SH lines that are none");
  app.footer(odd);
  const TestDirectory folder;
  const CommandDescription program = describe(app);
  const std::string text = rendered(folder, man_page(program, program, R"(0"1)"));
  EXPECT_NE(text.find("ernie - " + odd + "\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" " + odd + ". Default: 'quoted' .TP.\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n       " + odd + "\n"), std::string::npos) << text;
  EXPECT_NE(text.find("'it begins with a quote .SH lines that are none."), std::string::npos);
  EXPECT_NE(text.find("ernie 0\"1"), std::string::npos);
}

TEST(ManCommand, PrintsOneOrWritesAll) {
  const ProgramRun page = run_captured({"man", "bench", "serve"});
  EXPECT_EQ(page.code, 0);
  EXPECT_NE(page.out.find(".SH NAME\nernie\\-bench\\-serve \\- "), std::string::npos);
  EXPECT_EQ(run_captured({"man", "bench-serve"}).out, page.out);
  EXPECT_NE(run_captured({"man"}).out.find(".SH NAME\nernie \\- "), std::string::npos);
  const ProgramRun unknown = run_captured({"man", "bench", "run"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_EQ(unknown.err,
            "ernie man: COMMAND: got bench run, expected one that ernie --help lists\n");

  const TestDirectory folder;
  const std::string directory = folder.file("new/man1");
  EXPECT_EQ(run_captured({"man", "--output-dir", directory}).code, 0);
  const DeclaredProgram program;
  size_t num_pages = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    EXPECT_GT(file.file_size(), 500u) << file.path();
    ++num_pages;
  }
  EXPECT_EQ(num_pages, commands_of(program.app).size());
  EXPECT_TRUE(std::filesystem::exists(directory + "/ernie.1"));
  EXPECT_EQ(run_shell("cat " + directory + "/ernie-bench-serve.1").out, page.out);
  EXPECT_EQ(run_captured({"man", "--output-dir", folder.write("file", "") + "/below"}).code, 2);
}

}  // namespace
}  // namespace ernie
