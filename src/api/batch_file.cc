#include "api/batch_file.h"

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>

#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr std::string_view kRowPrefix = "batch_req_";
constexpr std::string_view kCompletionsUrl = "/v1/completions";
constexpr std::string_view kChatUrl = "/v1/chat/completions";

/// The members around the body.
struct Envelope {
  std::string url;
  json::object body;
};

using CheckUrl = void (*)(const std::string& url, JsonFields& fields);

Result<Envelope> read_envelope(json::object& object, CheckUrl check_url, BatchRow& row) {
  JsonFields fields(object);
  Envelope envelope;
  std::string custom_id, method;
  fields.read("custom_id", custom_id);
  if (!custom_id.empty()) row.custom_id = custom_id;
  if (custom_id.empty()) fields.fail("custom_id", "expected a string, not empty");
  fields.read("method", method);
  if (method != "POST")
    fields.fail("method", fmt::format("got {}, expected \"POST\"", brief(json::value(method))));
  fields.read("url", envelope.url);
  check_url(envelope.url, fields);
  const json::value* body = fields.find("body");
  if (body == nullptr || !body->is_object()) fields.fail("body", "expected an object");
  ERNIE_TRY_VOID(fields.finish());
  envelope.body = std::move(object["body"].get_object());
  return envelope;
}

/// Nothing, and row.line_error, if the line is bad.
std::optional<Envelope> parse_envelope(std::string_view text, CheckUrl check_url, BatchRow& row) {
  auto value = parse_json(text);
  if (!value) {
    row.line_error = {"invalid_json", value.error().message};
    return std::nullopt;
  }
  if (!value->is_object()) {
    row.line_error = {"invalid_request", "got " + brief(*value) + ", expected an object"};
    return std::nullopt;
  }
  auto envelope = read_envelope(value->get_object(), check_url, row);
  if (envelope) return *std::move(envelope);
  row.line_error = {"invalid_request", envelope.error().message};
  return std::nullopt;
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

}  // namespace

BatchLine parse_batch_line(std::string_view text) {
  BatchLine line;
  const auto check_url = [](const std::string& url, JsonFields& fields) {
    if (url == kChatUrl || url == kCompletionsUrl) return;
    fields.fail("url", fmt::format("got {}, expected \"{}\" or \"{}\"", brief(json::value(url)),
                                   kCompletionsUrl, kChatUrl));
  };
  const auto envelope = parse_envelope(text, check_url, line);
  if (!envelope) return line;
  line.is_chat = envelope->url == kChatUrl;
  auto request =
      line.is_chat ? parse_chat_body(envelope->body) : parse_completion_body(envelope->body);
  if (request) {
    line.request = *std::move(request);
  } else {
    line.body_error = request.error();
  }
  return line;
}

ServerBatchLine parse_server_batch_line(std::string_view text) {
  ServerBatchLine line;
  const auto check_url = [](const std::string& url, JsonFields& fields) {
    const bool is_path = url.starts_with('/') &&
                         std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7F; });
    if (is_path) return;
    fields.fail("url", fmt::format("got {}, expected a path, as \"{}\"", brief(json::value(url)),
                                   kChatUrl));
  };
  auto envelope = parse_envelope(text, check_url, line);
  if (!envelope) return line;
  line.path = std::move(envelope->url);
  line.body = std::move(envelope->body);
  return line;
}

std::string BatchRowId::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

BatchRowId batch_row_id(std::string_view job, int64_t line_number) {
  const boost::uuids::name_generator_sha1 generator(boost::uuids::ns::oid());
  const auto uuid = generator(fmt::format("{}\n{}", job, line_number));
  BatchRowId id;
  for (size_t i = 0; i < 8; ++i) {
    id.high = id.high << 8 | uuid.data[i];
    id.low = id.low << 8 | uuid.data[i + 8];
  }
  return id;
}

std::string batch_error_row(const BatchRowId& id, const BatchRow& line, int64_t line_number) {
  const auto& error = *line.line_error;
  return json_text(
      json::object{{"id", std::string(kRowPrefix) + id.hex()},
                   {"custom_id", text_or_null(line.custom_id)},
                   {"response", nullptr},
                   {"error",
                    {{"code", error.code},
                     {"message", fmt::format("line {}: {}", line_number, error.message)},
                     {"line", line_number}}}});
}

std::string batch_response_row(const BatchRowId& id, const std::string& custom_id, int status,
                               json::object body) {
  return json_text(json::object{
      {"id", std::string(kRowPrefix) + id.hex()},
      {"custom_id", custom_id},
      {"response",
       {{"status_code", status}, {"request_id", "req_" + id.hex()}, {"body", std::move(body)}}},
      {"error", nullptr}});
}

std::string batch_failure_row(const BatchRowId& id, const std::string& custom_id,
                              std::string_view code, std::string_view message) {
  return json_text(json::object{{"id", std::string(kRowPrefix) + id.hex()},
                                {"custom_id", custom_id},
                                {"response", nullptr},
                                {"error", {{"code", code}, {"message", message}}}});
}

std::optional<BatchOutputRow> parse_batch_output(std::string_view text) {
  const auto value = parse_json(text);
  if (!value || !value->is_object()) return std::nullopt;
  const auto& object = value->get_object();
  const auto* id = object.if_contains("id");
  const auto* response = object.if_contains("response");
  if (id == nullptr || !id->is_string() || response == nullptr) return std::nullopt;
  const std::string_view name(id->get_string());
  if (!name.starts_with(kRowPrefix)) return std::nullopt;
  const auto* fields = response->if_object();
  const auto* status = fields == nullptr ? nullptr : fields->if_contains("status_code");
  return BatchOutputRow{std::string(name.substr(kRowPrefix.size())),
                        status == nullptr || *status != 200};
}

}  // namespace ernie
