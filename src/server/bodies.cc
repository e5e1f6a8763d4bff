#include "server/bodies.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr size_t kMaxIdBytes = 128;

bool is_json_type(std::string_view type) {
  std::string lower(type.substr(0, type.find(';')));
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  while (lower.ends_with(' ')) lower.pop_back();
  return lower.empty() || lower == "application/json" || lower.ends_with("+json");
}

}  // namespace

Result<json::object> parse_body(const Exchange& exchange) {
  const std::string_view type = exchange.request.header("content-type");
  if (!is_json_type(type)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "Content-Type: got another type, expected application/json");
  }
  auto value = parse_json(exchange.request.body);
  if (!value) {
    return make_error(ErrorCode::kInvalidArgument, "body: {}", value.error().message);
  }
  if (!value->is_object()) {
    return make_error(ErrorCode::kInvalidArgument, "body: got {}, expected a JSON object",
                      brief(*value));
  }
  return std::move(value->get_object());
}

Error with_names(Error error, std::span<const FieldName> names) {
  for (const auto& [inner, outer] : names) {
    if (!error.field.starts_with(inner)) continue;
    const std::string_view rest = std::string_view(error.field).substr(inner.size());
    if (!rest.empty() && rest.front() != '.' && rest.front() != '[') continue;
    const std::string field = fmt::format("{}{}", outer, rest);
    if (error.message.starts_with(error.field)) {
      error.message.replace(0, error.field.size(), field);
    }
    error.field = field;
    break;
  }
  return error;
}

bool is_safe_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && std::ranges::all_of(id, [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '\\';
  });
}

std::string random_id() {
  std::array<uint64_t, 2> bits{};
  if (::getrandom(bits.data(), sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    bits[0] = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return fmt::format("{:016x}{:016x}", bits[0], bits[1]);
}

std::string answer_id(std::string_view prefix, const Exchange& exchange, const json::object& body) {
  std::string_view id = exchange.id;
  if (exchange.request.header("x-request-id").empty()) {
    const json::value* given = body.if_contains("request_id");
    const json::string* text = given == nullptr ? nullptr : given->if_string();
    if (text != nullptr && is_safe_id({text->data(), text->size()})) {
      id = {text->data(), text->size()};
    }
  }
  return id.starts_with(prefix) ? std::string(id) : fmt::format("{}{}", prefix, id);
}

}  // namespace ernie
