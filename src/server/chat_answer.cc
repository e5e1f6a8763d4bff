#include "server/chat_answer.h"

#include <iterator>

#include "server/bodies.h"

namespace ernie {

void merge(AnswerDelta& into, AnswerDelta next) {
  into.reasoning += next.reasoning;
  into.content += next.content;
  into.calls.insert(into.calls.end(), std::make_move_iterator(next.calls.begin()),
                    std::make_move_iterator(next.calls.end()));
}

ChatAnswer parse_chat_answer(const AnswerForm& form, std::string_view text, FinishReason reason) {
  AnswerParser parser(form);
  AnswerDelta delta = parser.push(text);
  merge(delta, parser.finish());
  ChatAnswer answer{std::move(delta.reasoning), std::move(delta.content), {}, {}};
  if (form.forced.kind != ToolChoice::Kind::kNamed) {
    answer.calls = std::move(delta.calls);
    return answer;
  }
  ToolCall call{form.forced.name, ""};
  for (const ToolCall& part : delta.calls) call.arguments += part.arguments;
  if (reason != FinishReason::kStop) {
    answer.cut_arguments = std::move(call.arguments);
  } else if (!call.arguments.empty()) {
    answer.calls.push_back(std::move(call));
  }
  return answer;
}

std::string new_call_id() { return "chatcmpl-tool-" + random_id(); }

}  // namespace ernie
