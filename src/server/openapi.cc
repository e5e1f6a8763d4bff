#include "server/openapi.h"

#include <boost/json/array.hpp>

#include "server/replies.h"
#include "server/service.h"

namespace ernie {
namespace {

namespace json = boost::json;

json::object integer(int64_t min, int64_t max) {
  return {{"type", "integer"}, {"minimum", min}, {"maximum", max}};
}
json::object number(double min, double max) {
  return {{"type", "number"}, {"minimum", min}, {"maximum", max}};
}
json::object text() { return {{"type", "string"}}; }
json::object boolean() { return {{"type", "boolean"}}; }
json::object list_of(json::object item) { return {{"type", "array"}, {"items", std::move(item)}}; }

/// Of the model's vocabulary, once the model is there.
json::object token_id(const Service& service) {
  return integer(0, (service.is_loaded() ? service.loop().limits().vocab_size : 1 << 20) - 1);
}

json::object some_text() { return {{"type", "string"}, {"minLength", 1}}; }
json::object some_of(json::object item) {
  json::object list = list_of(std::move(item));
  list["minItems"] = 1;
  return list;
}

json::object prompt(const Service& service) {
  json::array shapes{some_text(), some_of(token_id(service)), some_of(some_text()),
                     some_of(some_of(token_id(service)))};
  for (const size_t several : {2, 3}) {
    shapes[several].get_object()["maxItems"] = service.options().limits.max_prompts;
  }
  return {{"anyOf", std::move(shapes)}};
}

json::object messages() {
  json::object message{
      {"type", "object"},
      {"required", json::array{"role", "content"}},
      {"properties",
       {{"role", {{"type", "string"}, {"enum", json::array{"system", "user", "assistant"}}}},
        {"content", text()}}}};
  return some_of(std::move(message));
}

/// Names that requests may give; before the model is there they are not known.
json::object model(const Service& service) {
  json::object name = text();
  if (!service.is_loaded() || service.options().any_model) return name;
  json::array names;
  for (const std::string& one : service.model_names()) names.emplace_back(one);
  name["enum"] = std::move(names);
  return name;
}

json::object stop(const Service& service) {
  json::object one = some_text();
  one["maxLength"] = service.options().limits.max_stop_bytes;
  json::object list = list_of(one);
  list["maxItems"] = kMaxStopStrings;
  return {{"anyOf", json::array{std::move(one), std::move(list)}}};
}

json::object sampling_fields(const Service& service) {
  return {{"model", model(service)},
          {"temperature", number(0, 2)},
          {"top_p", number(1e-6, 1)},  // above 0, also as a float
          {"top_k", integer(-1, 1 << 20)},
          {"min_p", number(0, 1)},
          {"presence_penalty", number(-2, 2)},
          {"frequency_penalty", number(-2, 2)},
          {"repetition_penalty", number(0.01, 10)},
          {"seed", {{"type", "integer"}}},
          {"stop", stop(service)},
          {"max_tokens", integer(1, 1 << 20)},
          {"min_tokens", integer(0, 1 << 20)},
          {"ignore_eos", boolean()},
          {"n", integer(1, 16)},
          {"stream", boolean()},
          {"return_token_ids", boolean()}};
}

json::object with(json::object fields, json::object more) {
  for (auto& member : more) fields[member.key()] = std::move(member.value());
  return fields;
}

json::object body_schema(const Service& service, std::string_view path) {
  json::object fields;
  json::array required;
  if (path == "/v1/completions" || path == "/completions" || path == "/completion") {
    fields = with(sampling_fields(service),
                  {{"prompt", prompt(service)}, {"echo", boolean()}, {"logprobs", integer(0, 20)}});
    required = {"prompt"};
  } else if (path == "/v1/chat/completions" || path == "/chat/completions") {
    fields = with(sampling_fields(service), {{"messages", messages()},
                                             {"logprobs", boolean()},
                                             {"top_logprobs", integer(0, 20)},
                                             {"max_completion_tokens", integer(1, 1 << 20)}});
    required = {"messages"};
  } else if (path == "/v1/responses") {
    fields = {{"input", text()},
              {"instructions", text()},
              {"max_output_tokens", integer(1, 1 << 20)},
              {"temperature", number(0, 2)},
              {"stream", boolean()}};
    required = {"input"};
  } else if (path.starts_with("/v1/messages")) {
    fields = {{"messages", messages()},
              {"max_tokens", integer(1, 1 << 20)},
              {"system", text()},
              {"temperature", number(0, 2)},
              {"stream", boolean()}};
    required = {"messages", "max_tokens"};
  } else if (path == "/tokenize") {
    fields = {{"prompt", text()}, {"return_token_strs", boolean()}};
    required = {"prompt"};
  } else if (path == "/detokenize") {
    fields = {{"tokens", list_of(token_id(service))}};
    required = {"tokens"};
  } else if (path == "/apply-template") {
    fields = {{"messages", messages()}};
    required = {"messages"};
  }
  return {{"type", "object"}, {"properties", std::move(fields)}, {"required", std::move(required)}};
}

json::object response(const char* description, const char* type = "application/json") {
  return {{"description", description}, {"content", {{type, json::object()}}}};
}

json::object responses_of(const Route& route) {
  json::object responses;
  const bool is_empty = route.path == "/health" || route.path == "/v1/health" ||
                        route.path == "/ready" || route.path == "/ping";
  if (is_empty) {
    responses["200"] = {{"description", "Yes"}};
  } else if (route.path == "/metrics") {
    responses["200"] = response("Text", "text/plain");
  } else {
    responses["200"] = response("The answer");
    responses["200"].at("content").as_object()["text/event-stream"] = json::object();
    responses["200"].at("content").as_object()["text/html"] = json::object();
  }
  responses["503"] = response("The model is loading, or the server is shutting down");
  if (route.access == Access::kKey) responses["401"] = response("A key is needed");
  if (route.method == "POST") {
    responses["400"] = response("Something in the request is wrong; `param` says what");
    responses["413"] = response("The body is too long");
    responses["429"] = response("Too many requests wait");
  }
  if (route.path.find('{') != std::string_view::npos || route.computes) {
    responses["404"] = response("There is none of this name");
  }
  return responses;
}

json::object operation_of(const Service& service, const Route& route) {
  json::object operation{{"summary", std::string(route.summary)},
                         {"responses", responses_of(route)}};
  if (route.access != Access::kOpen) {
    operation["security"] = json::array{json::object{{"key", json::array()}}, json::object()};
  }
  const size_t open = route.path.find('{');
  if (open != std::string_view::npos) {
    const std::string name(route.path.substr(open + 1, route.path.find('}') - open - 1));
    operation["parameters"] = json::array{
        json::object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", text()}}};
  }
  if (route.method == "POST" && route.computes) {
    operation["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", body_schema(service, route.path)}}}}}};
  }
  return operation;
}

}  // namespace

Reply handle_openapi(Service& service, Exchange&) {
  json::object paths;
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    json::value& path = paths[std::string(route.path)];
    if (!path.is_object()) path = json::object();
    path.get_object()[method] = operation_of(service, route);
  }
  return json_reply(json::object{
      {"openapi", "3.1.0"},
      {"info", {{"title", "ernie.cpp"}, {"version", ERNIE_VERSION}}},
      {"components", {{"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
      {"paths", std::move(paths)}});
}

}  // namespace ernie
