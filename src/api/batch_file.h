#pragma once

/// The lines of OpenAI batch files: requests in, results out.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/openai_json.h"

namespace ernie {

/// What every line of an input file has.
struct BatchRow {
  /// What is wrong with the line around the body: such a row has an error and no response.
  struct LineError {
    std::string code;  ///< "invalid_json", "invalid_request", "duplicate_custom_id", …
    std::string message;
  };

  std::optional<std::string> custom_id;  ///< as far as it could be read
  std::optional<LineError> line_error;
};

/// A line for the engine. Exactly one of `line_error`, `request` and `body_error` counts, in this
/// order.
struct BatchLine : BatchRow {
  bool is_chat = false;
  std::optional<ApiRequest> request;
  Error body_error;  ///< a response with an HTTP status of 4xx
};

BatchLine parse_batch_line(std::string_view text);

/// A line for a server, which knows what its fields mean. Without a line_error `path` begins with
/// "/" and `body` is as it came.
struct ServerBatchLine : BatchRow {
  std::string path;
  boost::json::object body;
};

ServerBatchLine parse_server_batch_line(std::string_view text);

/// What names a row in the output. A function of the job and the line number alone, so that a row
/// computed twice is the same row and finished output can be recognised.
struct BatchRowId {
  uint64_t high = 0, low = 0;
  std::string hex() const;  ///< 32 digits
  friend auto operator<=>(const BatchRowId&, const BatchRowId&) = default;
};
/// `job`: all that determines the job's results.
BatchRowId batch_row_id(std::string_view job, int64_t line_number);

/// Output lines, without the newline. They hold no time and nothing else that a second run would
/// not repeat.
std::string batch_error_row(const BatchRowId& id, const BatchRow& line, int64_t line_number);
/// Of a request that got no response.
std::string batch_failure_row(const BatchRowId& id, const std::string& custom_id,
                              std::string_view code, std::string_view message);
std::string batch_response_row(const BatchRowId& id, const std::string& custom_id, int status,
                               boost::json::object body);

/// Of a finished output line: whose it is, and whether it holds a result. Nothing if it is no such
/// line.
struct BatchOutputRow {
  std::string id;  ///< BatchRowId::hex()
  bool failed = false;
};
std::optional<BatchOutputRow> parse_batch_output(std::string_view text);

}  // namespace ernie
