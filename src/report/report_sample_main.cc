#include <cstdio>
#include <cstring>

#include "report/html.h"
#include "report/markdown.h"
#include "report/report_test_sample.h"
#include "report/terminal.h"

/// report_sample terminal|colour|markdown|html en|zh [hostile]: a sample report on standard output.
int main(int argc, char** argv) {
  using namespace ernie::report;
  if (argc < 3) {
    std::fprintf(stderr, "usage: report_sample terminal|colour|markdown|html en|zh [hostile]\n");
    return 2;
  }
  const Language language =
      std::strcmp(argv[2], "zh") == 0 ? Language::kChinese : Language::kEnglish;
  const std::string form = argv[1];
  const Report report = argc > 3 ? hostile_report() : sample_report();
  const std::string text = form == "html" ? to_html(report, language)
                           : form == "markdown"
                               ? to_markdown(report, language)
                               : to_terminal(report, language, {100, form == "colour"});
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
