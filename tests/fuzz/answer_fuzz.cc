// What a model may write: taken apart the same however it is cut, nothing of it evaluated. The
// first two bytes say how it is read and cut.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "api/answer_parser.h"
#include "json/parse.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

std::string read_all(const ernie::AnswerForm& form, std::string_view text, size_t piece) {
  ernie::AnswerParser parser(form);
  std::string reasoning, content, calls;
  const auto add = [&](const ernie::AnswerDelta& delta) {
    reasoning += delta.reasoning;
    content += delta.content;
    for (const ernie::ToolCall& call : delta.calls) {
      calls += call.name.empty() ? call.arguments : "\n" + call.name + " " + call.arguments;
    }
  };
  for (size_t at = 0; at < text.size(); at += piece) add(parser.push(text.substr(at, piece)));
  add(parser.finish());
  expect(reasoning.size() + content.size() <= text.size() + 32);
  return reasoning + "\n\n" + content + "\n\n" + calls;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  ernie::AnswerForm form;
  form.thinks = (data[0] & 1) != 0;
  form.has_blocks = (data[0] & 2) != 0;
  form.has_tools = (data[0] & 4) != 0;
  if ((data[0] & 8) != 0) form.forced.kind = ernie::ToolChoice::Kind::kNamed;
  if ((data[0] & 16) != 0) form.forced.kind = ernie::ToolChoice::Kind::kRequired;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::string whole = read_all(form, text, std::max<size_t>(text.size(), 1));
  expect(whole == read_all(form, text, data[1] % 16 + 1));
  return 0;
}
