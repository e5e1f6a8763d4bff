#pragma once

/// The lines that `run` and `run-batch` write, and saved answers of `serve`, read back to be
/// checked.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/openai_json.h"
#include "engine/generation_result.h"
#include "receipt/receipt.h"

namespace ernie {

struct ResultLine {
  enum class Kind { kPrompt, kBatch, kServer };
  Kind kind = Kind::kPrompt;
  LineId id;                 ///< the custom_id of a batch row, the id of a server's answer
  std::string batch_row_id;  ///< of a batch row: 32 hexadecimal digits
  bool is_chat = false;
  bool has_answer = false;             ///< else it holds an error
  std::optional<Error> receipt_error;  ///< why its receipt cannot be read
  std::optional<Receipt> receipt;      ///< absent also if the line has none
  /// The line, a batch row's body, or what can be checked of a server's answer: the choice's text,
  /// log-probabilities and finish reason, and the counts of tokens. Without the receipt.
  boost::json::object answer;
};

/// Error: no such line; a server's answer with several choices, reasoning or tool calls, which
/// cannot be written anew from a receipt alone.
Result<ResultLine> parse_result_line(std::string_view text);

/// "id" as JSON.
std::string shown_id(const LineId& id);

/// The line's answer as it would have been written for this result. `prompt`: for an answer that
/// repeats it.
boost::json::object rendered_answer(const ResultLine& line, const GenerationResult& result,
                                    const UserPrompt& prompt, const Tokenizer* tokenizer);

/// The text of an answer; nothing if it has none where it should.
std::optional<std::string_view> text_of(const ResultLine& line, const boost::json::object& answer);

/// A place where two answers differ.
struct Difference {
  std::string path;  ///< choices[0].text
  std::string text;  ///< choices[0].text: got "a", recomputed "b"
};
/// The first one, times left aside.
std::optional<Difference> first_difference(const boost::json::object& got,
                                           const boost::json::object& recomputed);

}  // namespace ernie
