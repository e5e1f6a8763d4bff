// One line of a batch file: read without harm, and the row it gives in the output is one line of
// JSON with the same custom id, and is recognised again.

#include <boost/json/value.hpp>
#include <cstdint>
#include <cstdlib>

#include "api/batch_file.h"
#include "json/parse.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

std::string output_row(const ernie::BatchRowId& id, const ernie::BatchLine& line) {
  if (line.line_error) return ernie::batch_error_row(id, line, 1);
  if (!line.request) {
    return ernie::batch_response_row(id, *line.custom_id, ernie::http_status(line.body_error),
                                     {{"error", ernie::error_object(line.body_error)}});
  }
  ernie::GenerationResult result;
  const ernie::ResponseContext context;
  return ernie::batch_response_row(id, *line.custom_id, 200,
                                   line.is_chat
                                       ? ernie::chat_body(*line.request, result, context)
                                       : ernie::completion_body(*line.request, result, context));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ernie::BatchLine line = ernie::parse_batch_line(text);
  if (line.line_error) expect(line.line_error->message.find('\n') == std::string::npos);
  const ernie::BatchRowId id = ernie::batch_row_id(text, 1);
  const std::string row = output_row(id, line);
  expect(row.find('\n') == std::string::npos);
  const auto value = ernie::parse_json(row);
  expect(value.has_value());
  const auto& custom_id = value->at("custom_id");
  expect(line.custom_id ? custom_id.is_string() && custom_id.get_string() == *line.custom_id
                        : custom_id.is_null());
  const auto output = ernie::parse_batch_output(row);
  expect(output && output->id == id.hex() && output->failed == !line.request.has_value());
  return 0;
}
