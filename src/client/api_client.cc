#include "client/api_client.h"

#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

int64_t integer_of(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  const int64_t* number = value == nullptr ? nullptr : value->if_int64();
  return number == nullptr ? 0 : *number;
}

}  // namespace

Error response_error(int status, std::string_view body) {
  const auto value = parse_json(body);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* error = object == nullptr ? nullptr : object->if_contains("error");
  const json::object* details = error == nullptr ? nullptr : error->if_object();
  const json::value* message = details == nullptr ? nullptr : details->if_contains("message");
  std::string text = "no reason given";
  if (message != nullptr && message->is_string()) {
    text = message->get_string();
  } else if (error != nullptr && error->is_string()) {
    text = error->get_string();
  }
  const ErrorCode code = status == 404                    ? ErrorCode::kNotFound
                         : status == 429 || status == 503 ? ErrorCode::kQueueFull
                         : status < 500                   ? ErrorCode::kInvalidArgument
                                                          : ErrorCode::kInternal;
  return make_error(code, "the server answered {}: {}", status, text);
}

Result<ServedModel> first_model(HttpClient& client) {
  ERNIE_TRY(const HttpResponse response, client.request("/v1/models"));
  return first_model(response);
}

Result<ServedModel> first_model(const HttpResponse& response) {
  if (response.status != 200) return response_error(response.status, response.body);
  const auto value = parse_json(response.body);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* data = object == nullptr ? nullptr : object->if_contains("data");
  if (data == nullptr || !data->is_array() || data->get_array().empty() ||
      !data->get_array().front().is_object()) {
    return make_error(ErrorCode::kCorruptData, "/v1/models: got no list of models");
  }
  const json::object& first = data->get_array().front().get_object();
  ServedModel model;
  const json::value* id = first.if_contains("id");
  if (id != nullptr && id->is_string()) model.id = id->get_string();
  model.max_model_len = integer_of(first, "max_model_len");
  const json::value* meta = first.if_contains("meta");
  if (meta != nullptr && meta->is_object())
    model.vocab_size = integer_of(meta->get_object(), "n_vocab");
  return model;
}

Result<void> stream(HttpClient& client, const std::string& path, const json::object& body,
                    const std::function<bool(const json::object& chunk)>& event) {
  EventReader events;
  std::string refusal;
  std::optional<Error> problem;
  bool is_done = false, was_stopped = false;
  const auto take = [&](std::string_view data) {
    if (data == "[DONE]") return is_done = true;
    const auto value = parse_json(data);
    if (!value || !value->is_object()) {
      problem = make_error(ErrorCode::kCorruptData, "{}: an event is no JSON object", path);
      return false;
    }
    if (value->get_object().contains("error")) {
      problem = response_error(500, data);
      return false;
    }
    was_stopped = !event(value->get_object());
    return !was_stopped;
  };
  const std::string text = json_text(body);
  const auto response = client.request(path, &text, [&](int status, std::string_view bytes) {
    if (status == 200) {
      const bool goes_on = events.push(bytes, take);
      if (!goes_on && !problem && !was_stopped) {
        problem = make_error(ErrorCode::kCorruptData, "{}: a line without an end", path);
      }
      return goes_on;
    }
    constexpr size_t kLongestRefusal = 1 << 20;
    refusal += bytes;
    return refusal.size() < kLongestRefusal;
  });
  if (problem) return *problem;
  if (!response) return response.error();
  if (response->status != 200) return response_error(response->status, refusal);
  if (!is_done) {
    return make_error(ErrorCode::kIo, "{}: the stream ended before its [DONE]", path);
  }
  return {};
}

}  // namespace ernie
