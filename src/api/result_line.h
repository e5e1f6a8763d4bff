#pragma once

/// The lines that `run` and `run-batch` write, read back to be checked.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/openai_json.h"
#include "engine/generation_result.h"
#include "receipt/receipt.h"

namespace ernie {

struct ResultLine {
  enum class Kind { kPrompt, kBatch };
  Kind kind = Kind::kPrompt;
  LineId id;                 ///< the custom_id of a batch row
  std::string batch_row_id;  ///< of a batch row: 32 hexadecimal digits
  bool is_chat = false;
  bool has_answer = false;             ///< else it holds an error
  std::optional<Error> receipt_error;  ///< why its receipt cannot be read
  std::optional<Receipt> receipt;      ///< absent also if the line has none
  boost::json::object answer;          ///< the line, or a batch row's body, without the receipt
};

/// Error: neither kind of line.
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
