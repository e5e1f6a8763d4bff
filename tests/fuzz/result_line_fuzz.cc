// One line of a results file: read without harm; its receipt reads back as the same one; and every
// check of it that needs no model ends in findings of one line each.

#include <boost/json/value.hpp>
#include <cstdint>
#include <cstdlib>

#include "api/receipt_json.h"
#include "jobs/receipt_check.h"
#include "json/parse.h"
#include "json/text.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

void expect_line(const std::string& text) { expect(text.find('\n') == std::string::npos); }

void expect_lines(const ernie::Findings& findings) {
  for (const ernie::Finding& finding : findings) {
    expect_line(finding.text);
    expect(finding.text.starts_with(finding.what));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = ernie::parse_result_line(text);
  if (!line) {
    expect_line(line.error().message);
    (void)ernie::manifest_from_text(text);
    return 0;
  }
  if (line->receipt_error) expect_line(line->receipt_error->message);
  if (!line->receipt) return 0;
  const std::string written = ernie::json_text(ernie::receipt_to_json(*line->receipt));
  const auto again = ernie::receipt_from_json(*ernie::parse_json(written));
  expect(again.has_value());
  expect(ernie::json_text(ernie::receipt_to_json(*again)) == written);
  expect(ernie::broken_item(*again) == ernie::broken_item(*line->receipt));
  expect_lines(ernie::check_receipt(*line, {}));
  const auto request = ernie::repeated_request(*line);
  if (!request) expect_line(request.error().message);
  std::optional<ernie::UserPrompt> prompt;
  expect_lines(ernie::check_input(*line, text, {}, prompt));
  expect_lines(ernie::check_answer(*line, {}, line->receipt->tokens, nullptr, nullptr));
  return 0;
}
