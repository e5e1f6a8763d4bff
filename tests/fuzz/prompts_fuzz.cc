// One line of prompts.jsonl: read without harm, and if it is accepted, a result and an error about
// it can be written as JSON that carries the same id.

#include <boost/json/value.hpp>
#include <cstdint>
#include <cstdlib>

#include "api/line_id.h"
#include "api/prompt_file.h"
#include "json/parse.h"
#include "json/text.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

ernie::LineId id_of(const ernie::PromptLine& line) { return line.id.value_or(int64_t{1}); }

void check_id(const ernie::PromptLine& line, const std::string& written) {
  const auto row = ernie::parse_json(written);
  expect(row.has_value());
  expect(ernie::line_id_from_json(row->at("id")) == id_of(line));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ernie::PromptDefaults defaults;
  defaults.chat = size % 2 == 1;
  const ernie::PromptLine line = ernie::parse_prompt_line(text, defaults);
  if (!line.request) {
    expect(!line.error.message.empty() && line.error.message.find('\n') == std::string::npos);
    check_id(line, ernie::prompt_error_line(id_of(line), line.error, 1));
    return 0;
  }
  ernie::GenerationResult result;
  result.text = "x";
  check_id(line, ernie::json_text(ernie::prompt_result(id_of(line), line.request->params, result,
                                                       nullptr, true)));
  return 0;
}
