#include "api/result_line.h"

#include <algorithm>

#include "api/line_id.h"
#include "api/prompt_file.h"
#include "api/receipt_json.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr std::string_view kRowPrefix = "batch_req_";

const json::value* member(const json::value* value, std::string_view key) {
  const auto* object = value == nullptr ? nullptr : value->if_object();
  return object == nullptr ? nullptr : object->if_contains({key.data(), key.size()});
}

std::string text_member(const json::value& value, std::string_view key) {
  const json::value* found = member(&value, key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
}

Error no_result_line(std::string_view what) {
  return make_error(ErrorCode::kCorruptData,
                    "no line of `run` or `run-batch`, no answer of `serve`: {}", what);
}

Result<void> read_id(const json::value* value, ResultLine& line) {
  auto id = value == nullptr ? std::nullopt : line_id_from_json(*value);
  if (!id) return no_result_line("its id is neither a string nor an integer");
  line.id = *std::move(id);
  return {};
}

Result<void> read_batch_line(const json::value& value, ResultLine& line) {
  const json::value* response = member(&value, "response");
  const json::value* status = member(response, "status_code");
  const json::value* body = member(response, "body");
  const json::value* custom_id = member(&value, "custom_id");
  if (response == nullptr) return no_result_line("it has a custom_id and no response");
  line.kind = ResultLine::Kind::kBatch;
  line.has_answer = status != nullptr && *status == 200;
  if (!line.has_answer && member(body, kReceiptKey) == nullptr) return {};
  ERNIE_TRY_VOID(read_id(custom_id, line));
  if (body == nullptr || !body->is_object()) return no_result_line("response.body: not an object");
  line.answer = body->get_object();
  line.is_chat = text_member(*body, "object") == "chat.completion";
  const std::string id = text_member(value, "id");
  if (id.starts_with(kRowPrefix)) line.batch_row_id = id.substr(kRowPrefix.size());
  return {};
}

Result<void> read_prompt_line(const json::value& value, ResultLine& line) {
  line.has_answer = member(&value, "text") != nullptr;
  if (!line.has_answer && member(&value, "error") == nullptr) {
    return no_result_line("it has neither a text nor an error");
  }
  line.answer = value.get_object();
  return read_id(member(&value, "id"), line);
}

json::object members(const json::object& from, std::initializer_list<std::string_view> keys) {
  json::object kept;
  for (const std::string_view key : keys) {
    const json::value* value = from.if_contains({key.data(), key.size()});
    if (value != nullptr) kept[{key.data(), key.size()}] = *value;
  }
  return kept;
}

/// What a server's answer has in common with that of a batch row. `choice`: its only one.
json::object checkable_part(const json::object& body, const json::object& choice) {
  json::object kept = members(body, {"id", "model", "object", kReceiptKey});
  json::object part = members(choice, {"index", "text", "logprobs", "finish_reason"});
  const json::value* message = choice.if_contains("message");
  if (message != nullptr && message->is_object()) {
    part["message"] = members(message->get_object(), {"role", "content"});
  }
  kept["choices"] = json::array{std::move(part)};
  if (const json::value* usage = body.if_contains("usage");
      usage != nullptr && usage->is_object()) {
    kept["usage"] =
        members(usage->get_object(), {"prompt_tokens", "completion_tokens", "total_tokens"});
  }
  return kept;
}

Result<void> read_server_answer(const json::value& value, ResultLine& line) {
  const json::value* choices = member(&value, "choices");
  if (!choices->is_array() || choices->get_array().size() != 1) {
    return no_result_line("an answer of a server must have one choice");
  }
  const json::value& choice = choices->get_array().front();
  if (!choice.is_object()) return no_result_line("choices[0]: not an object");
  line.is_chat = text_member(value, "object") == "chat.completion";
  const json::value* message = member(&choice, "message");
  if (line.is_chat && (message == nullptr || !message->is_object())) {
    return no_result_line("choices[0].message: not an object");
  }
  for (const char* key : {"tool_calls", "reasoning"}) {
    if (member(message, key) != nullptr) {
      return make_error(ErrorCode::kUnsupported,
                        "choices[0].message.{}: such an answer cannot be checked", key);
    }
  }
  line.kind = ResultLine::Kind::kServer;
  line.has_answer = true;
  line.answer = checkable_part(value.get_object(), choice.get_object());
  return read_id(member(&value, "id"), line);
}

Result<void> read_line(const json::value& value, ResultLine& line) {
  if (member(&value, "custom_id") != nullptr) return read_batch_line(value, line);
  if (member(&value, "choices") != nullptr) return read_server_answer(value, line);
  return read_prompt_line(value, line);
}

void take_receipt(ResultLine& line) {
  const auto at = line.answer.find(kReceiptKey);
  if (at == line.answer.end()) return;
  auto receipt = receipt_from_json(at->value());
  if (receipt) {
    line.receipt = *std::move(receipt);
  } else {
    line.receipt_error = receipt.error();
  }
  line.answer.erase(at);
}

Difference difference(std::string path, const std::string& what) {
  std::string text = path + ": " + what;
  return {std::move(path), std::move(text)};
}

std::optional<Difference> difference_at(const std::string& path, const json::value& got,
                                        const json::value& recomputed);

std::optional<Difference> difference_in(const std::string& path, const json::object& got,
                                        const json::object& recomputed) {
  const std::string prefix = path.empty() ? "" : path + ".";
  for (const auto& [key, value] : recomputed) {
    const std::string name = prefix + shown_key({key.data(), key.size()});
    const json::value* other = got.if_contains(key);
    if (other == nullptr) {
      return difference(name, fmt::format("is not there, recomputed {}", brief(value)));
    }
    if (auto found = difference_at(name, *other, value)) return found;
  }
  for (const auto& [key, value] : got) {
    if (!recomputed.contains(key)) {
      return difference(prefix + shown_key({key.data(), key.size()}),
                        fmt::format("got {}, recomputed nothing", brief(value)));
    }
  }
  return std::nullopt;
}

std::optional<Difference> difference_at(const std::string& path, const json::value& got,
                                        const json::value& recomputed) {
  if (got == recomputed) return std::nullopt;
  if (got.is_object() && recomputed.is_object()) {
    return difference_in(path, got.get_object(), recomputed.get_object());
  }
  if (got.is_array() && recomputed.is_array()) {
    const json::array &a = got.get_array(), &b = recomputed.get_array();
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      if (auto found = difference_at(fmt::format("{}[{}]", path, i), a[i], b[i])) return found;
    }
    return difference(path, fmt::format("got {} elements, recomputed {}", a.size(), b.size()));
  }
  return difference(path, fmt::format("got {}, recomputed {}", brief(got), brief(recomputed)));
}

}  // namespace

Result<ResultLine> parse_result_line(std::string_view text) {
  ERNIE_TRY(const json::value value, parse_json(text));
  if (!value.is_object()) return no_result_line("not an object");
  ResultLine line;
  ERNIE_TRY_VOID(read_line(value, line));
  take_receipt(line);
  return line;
}

std::string shown_id(const LineId& id) { return brief(line_id_to_json(id)); }

json::object rendered_answer(const ResultLine& line, const GenerationResult& result,
                             const UserPrompt& prompt, const Tokenizer* tokenizer) {
  const SamplingParams& params = line.receipt->params.sampling;
  if (line.kind == ResultLine::Kind::kPrompt) {
    return prompt_result(line.id, params, result, tokenizer, line.answer.contains("token_ids"));
  }
  ApiRequest request;
  request.prompt = prompt;
  request.echo = line.receipt->params.echo;
  request.params = params;
  ResponseContext context;
  context.id = text_member(line.answer, "id");
  context.model = text_member(line.answer, "model");
  context.prompt_ids = line.receipt->prompt_ids;
  context.tokenizer = tokenizer;
  json::object body = line.is_chat ? chat_body(request, result, context)
                                   : completion_body(request, result, context);
  if (line.kind != ResultLine::Kind::kServer) return body;
  return checkable_part(body, body.at("choices").at(0).as_object());
}

std::optional<std::string_view> text_of(const ResultLine& line, const json::object& answer) {
  const json::value* text = answer.if_contains("text");
  if (line.kind != ResultLine::Kind::kPrompt) {
    const json::value* choices = answer.if_contains("choices");
    const bool has_choice =
        choices != nullptr && choices->is_array() && !choices->get_array().empty();
    const json::value* choice = has_choice ? &choices->get_array().front() : nullptr;
    text = line.is_chat ? member(member(choice, "message"), "content") : member(choice, "text");
  }
  if (text == nullptr || !text->is_string()) return std::nullopt;
  return std::string_view(text->get_string());
}

std::optional<Difference> first_difference(const json::object& got,
                                           const json::object& recomputed) {
  // Through the same text and back, so that a number is the same kind of number in both.
  json::value a = got, b = *parse_json(json_text(recomputed));
  a.get_object().erase("timings");
  b.get_object().erase("timings");
  return difference_at("", a, b);
}

}  // namespace ernie
