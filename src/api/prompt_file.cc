#include "api/prompt_file.h"

#include <boost/json/value_from.hpp>

#include "api/line_id.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

void read_id(JsonFields& fields, std::optional<LineId>& id) {
  const json::value* value = fields.find("id");
  if (value == nullptr) return;
  id = line_id_from_json(*value);
  if (!id) fields.fail_type("id", *value, "a string or an integer");
}

Result<ApiRequest> parse_prompt(const json::object& object, const PromptDefaults& defaults,
                                std::optional<LineId>& id) {
  ApiRequest request;
  request.params = defaults.params;
  JsonFields fields(object);
  read_id(fields, id);
  const bool has_prompt = fields.find("prompt") != nullptr;
  const bool has_messages = fields.find("messages") != nullptr;
  if (has_prompt == has_messages) fields.fail("prompt", "expected either this or \"messages\"");
  read_prompt(fields, request.prompt);
  read_messages(fields, request.prompt);
  read_sampling_fields(fields, request.params, request.has_seed);
  if (fields.find("logprobs") != nullptr)
    fields.read("logprobs", request.params.logprobs.emplace());
  ERNIE_TRY_VOID(fields.finish());
  auto* text = std::get_if<std::string>(&request.prompt);
  if (text != nullptr && defaults.chat) {
    request.prompt = user_turn(std::move(*text), defaults.system);
  }
  return request;
}

json::object timings_json(const GenerationResult& result) {
  return {{"queue_s", result.timings.queue_s},
          {"first_token_s", result.timings.first_token_s},
          {"total_s", result.timings.total_s}};
}

}  // namespace

PromptLine parse_prompt_line(std::string_view text, const PromptDefaults& defaults) {
  PromptLine line;
  const auto value = parse_json(text);
  if (!value) {
    line.error = value.error();
    return line;
  }
  if (!value->is_object()) {
    line.error =
        make_error(ErrorCode::kInvalidArgument, "got {}, expected an object", brief(*value));
    return line;
  }
  auto request = parse_prompt(value->get_object(), defaults, line.id);
  if (request) {
    line.request = *std::move(request);
  } else {
    line.error = std::move(request).error();
  }
  return line;
}

json::object prompt_result(const LineId& id, const SamplingParams& params,
                           const GenerationResult& result, const Tokenizer* tokenizer,
                           bool with_token_ids) {
  json::object line{{"id", line_id_to_json(id)},
                    {"text", result.text},
                    {"num_prompt_tokens", result.num_prompt_tokens},
                    {"num_output_tokens", result.num_output_tokens}};
  const std::string_view finish_reason = finish_reason_name(result.finish_reason);
  line["finish_reason"] = json::string_view(finish_reason.data(), finish_reason.size());
  if (!result.stop_reason.empty()) line["stop_reason"] = result.stop_reason;
  if (with_token_ids) line["token_ids"] = json::value_from(result.token_ids);
  if (params.logprobs) line["logprobs"] = logprobs_content(result.logprobs, {tokenizer});
  if (params.prompt_logprobs) {
    line["prompt_logprobs"] =
        prompt_logprobs_json(result.prompt_logprobs, *params.prompt_logprobs, {tokenizer});
  }
  line["timings"] = timings_json(result);
  return line;
}

std::string prompt_error_line(const LineId& id, const Error& error, int64_t line_number) {
  json::object object = error_object(error);
  object["message"] = fmt::format("line {}: {}", line_number, error.message);
  return json_text(json::object{{"id", line_id_to_json(id)}, {"error", std::move(object)}});
}

}  // namespace ernie
