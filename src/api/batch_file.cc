#include "api/batch_file.h"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>

#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr std::string_view kRowPrefix = "batch_req_";

/// Reads the members around the body; the body itself if all is well.
Result<const json::object*> read_envelope(const json::object& object, BatchLine& line) {
  JsonFields fields(object);
  std::string custom_id, method, url;
  fields.read("custom_id", custom_id);
  if (!custom_id.empty()) line.custom_id = custom_id;
  if (custom_id.empty()) fields.fail("custom_id", "expected a string, not empty");
  fields.read("method", method);
  if (method != "POST")
    fields.fail("method", fmt::format("got {}, expected \"POST\"", brief(json::value(method))));
  fields.read("url", url);
  line.is_chat = url == "/v1/chat/completions";
  if (!line.is_chat && url != "/v1/completions") {
    fields.fail("url", fmt::format("got {}, expected \"/v1/completions\" or "
                                   "\"/v1/chat/completions\"",
                                   brief(json::value(url))));
  }
  const json::value* body = fields.find("body");
  if (body == nullptr || !body->is_object()) fields.fail("body", "expected an object");
  ERNIE_TRY_VOID(fields.finish());
  return &body->get_object();
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

}  // namespace

BatchLine parse_batch_line(std::string_view text) {
  BatchLine line;
  const auto value = parse_json(text);
  if (!value) {
    line.line_error = {"invalid_json", value.error().message};
    return line;
  }
  if (!value->is_object()) {
    line.line_error = {"invalid_request", "got " + brief(*value) + ", expected an object"};
    return line;
  }
  const auto body = read_envelope(value->get_object(), line);
  if (!body) {
    line.line_error = {"invalid_request", body.error().message};
    return line;
  }
  auto request = line.is_chat ? parse_chat_body(**body) : parse_completion_body(**body);
  if (request) {
    line.request = *std::move(request);
  } else {
    line.body_error = request.error();
  }
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

std::string batch_error_row(const BatchRowId& id, const BatchLine& line, int64_t line_number) {
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
