#pragma once

/// The text of a chat's answer, taken apart while it comes: reasoning, content and calls of tools.

#include <string>
#include <string_view>
#include <vector>

#include "api/tools.h"

namespace ernie {

struct ToolCall {
  std::string name;
  std::string arguments;  ///< JSON as text; of a named tool as far as it has come
};

/// What became certain. A call is whole, but for that of a named tool, whose arguments come in
/// pieces under an empty name.
struct AnswerDelta {
  std::string reasoning, content;
  std::vector<ToolCall> calls;
  bool empty() const { return reasoning.empty() && content.empty() && calls.empty(); }
};

/// How a model writes its answer, and what was asked of it.
struct AnswerForm {
  bool thinks = false;      ///< the answer begins with reasoning, which ends with </think>
  bool has_blocks = false;  ///< content may stand in <response>…</response>
  bool has_tools = false;   ///< <tool_call>{"name": …, "arguments": …}</tool_call> is a call
  bool one_call = false;    ///< further calls are dropped
  /// kNamed: all of it is the arguments of one call. kRequired: a JSON list of
  /// {"name": …, "parameters": …}.
  ToolChoice forced;
};

/// Linear in the text, whatever it holds; never evaluates. Text that could be the beginning of a
/// tag is held back until that is decided. A call that is no call stays content as it was written.
class AnswerParser {
 public:
  explicit AnswerParser(AnswerForm form) : form_(std::move(form)) {
    state_ = form_.thinks ? State::kReasoning : State::kContent;
  }

  AnswerDelta push(std::string_view text);
  /// The end of the text: what was held back.
  AnswerDelta finish();

  /// Calls that were made, the one of a named tool included once its arguments have begun.
  size_t num_calls() const { return num_calls_; }

 private:
  enum class State { kReasoning, kContent, kCall };
  struct Tag;

  void take_text(std::string_view text, AnswerDelta& delta);
  void take_tag(const Tag& tag, AnswerDelta& delta);
  void take_forced(std::string_view text, AnswerDelta& delta);
  void take_required(char byte, AnswerDelta& delta);
  void add_content(std::string_view text, AnswerDelta& delta);
  void end_call(AnswerDelta& delta);
  void add_call(ToolCall call, AnswerDelta& delta);
  void scan(AnswerDelta& delta, bool at_end);

  AnswerForm form_;
  State state_;
  std::string pending_;         // not decided yet: may begin a tag
  std::string newlines_;        // of the content: dropped if a tag follows
  bool at_block_begin_ = true;  // newlines here are the template's
  std::string call_;            // the text of the call under way
  size_t num_calls_ = 0;
  // Of the list of a required call: where in the JSON it is.
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

}  // namespace ernie
