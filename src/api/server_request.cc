#include "api/server_request.h"

#include <algorithm>
#include <limits>

#include "api/openai_json.h"
#include "base/utf8.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr float kMaxTemperature = 2, kMaxBias = 100;
constexpr size_t kMaxRequestIdBytes = 128, kMaxSaltBytes = 1024;
constexpr const char* kPromptShapes =
    "a string, token ids, or a list of strings or of lists of token ids";

/// Token ids, or nothing if an element is none.
std::optional<std::vector<TokenId>> token_ids(const json::value& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<TokenId> ids;
  ids.reserve(value.get_array().size());
  for (const json::value& element : value.get_array()) {
    const auto* id = element.if_int64();
    if (id == nullptr || *id < 0 || *id > std::numeric_limits<TokenId>::max()) return std::nullopt;
    ids.push_back(static_cast<TokenId>(*id));
  }
  return ids;
}

/// One prompt that is not empty, or nothing.
std::optional<UserPrompt> one_prompt(const json::value& value) {
  if (value.is_string()) {
    if (value.get_string().empty()) return std::nullopt;
    return UserPrompt(std::string(value.get_string()));
  }
  auto ids = token_ids(value);
  if (!ids || ids->empty()) return std::nullopt;
  return UserPrompt(*std::move(ids));
}

void read_prompts(JsonFields& fields, const RequestLimits& limits,
                  std::vector<UserPrompt>& prompts) {
  const json::value* value = fields.find("prompt");
  if (value == nullptr) return fields.fail("prompt", fmt::format("expected {}", kPromptShapes));
  if (auto prompt = one_prompt(*value)) {
    prompts.push_back(*std::move(prompt));
    return;
  }
  if (!value->is_array() || value->get_array().empty()) {
    return fields.fail_type("prompt", *value, fmt::format("{}, not empty", kPromptShapes));
  }
  const json::array& list = value->get_array();
  if (!list.front().is_number() && list.size() > static_cast<size_t>(limits.max_prompts)) {
    return fields.fail("prompt", fmt::format("got {} prompts, expected at most {}", list.size(),
                                             limits.max_prompts));
  }
  for (const json::value& element : list) {
    auto prompt = one_prompt(element);
    if (!prompt || element.kind() != list.front().kind()) {
      return fields.fail_type("prompt", element, fmt::format("{}, none empty", kPromptShapes));
    }
    prompts.push_back(*std::move(prompt));
  }
}

/// Fields that would change the answer and that nothing here heeds: one that were ignored would
/// mislead. What asks for nothing is let pass.
void refuse_unsupported(JsonFields& fields) {
  for (const char* name : {"logprob_token_ids", "repetition_detection", "prompt_embeds"}) {
    if (fields.find(name) != nullptr) fields.fail(name, "not supported");
  }
  const json::value* budget = fields.find("thinking_token_budget");
  if (budget != nullptr && *budget != -1) fields.fail("thinking_token_budget", "not supported");
}

/// A bias beyond the bound does what one at the bound does; clients send -1000 to ban a token.
void clamp_biases(SamplingParams& params) {
  for (auto& [id, bias] : params.logit_bias) bias = std::clamp(bias, -kMaxBias, kMaxBias);
}

void read_optional(JsonFields& fields, std::string_view name, std::optional<int32_t>& out) {
  int32_t value = 0;
  if (fields.find(name) == nullptr) return;
  fields.read(name, value);
  out = value;
}

void read_stream(JsonFields& fields, ServerRequest& request) {
  fields.read("stream", request.stream);
  const json::value* options = fields.find("stream_options");
  if (options == nullptr) return;
  if (!options->is_object()) return fields.fail_type("stream_options", *options, "an object");
  if (options->get_object().empty()) return;  // asks for nothing, with a stream or without
  if (!request.stream) {
    return fields.fail("stream_options", "got it without \"stream\": true");
  }
  JsonFields inner(options->get_object(), "stream_options.");
  inner.read("include_usage", request.include_usage);
  inner.read("continuous_usage_stats", request.continuous_usage);
  if (const auto read = inner.finish_ignoring_others(); !read) fields.fail_with(read.error());
  request.continuous_usage = request.continuous_usage && request.include_usage;
}

void read_count(JsonFields& fields, ServerRequest& request) {
  fields.read("n", request.n);
  int32_t best_of = request.n;
  fields.read("best_of", best_of);
  if (best_of != request.n) {
    fields.fail("best_of", fmt::format("got {}, expected n or nothing: only as many choices are "
                                       "computed as are returned",
                                       best_of));
  }
  bool beam = false;
  fields.read("use_beam_search", beam);
  if (beam) fields.fail("use_beam_search", "got true, expected false: not supported");
}

void read_token_lists(JsonFields& fields, const RequestLimits& limits, ServerRequest& request) {
  if (const json::value* value = fields.find("allowed_token_ids")) {
    auto ids = token_ids(*value);
    if (!ids || ids->empty()) {
      return fields.fail_type("allowed_token_ids", *value, "a list of token ids, not empty");
    }
    request.allowed_token_ids = *std::move(ids);
  }
  const json::value* words = fields.find("bad_words");
  if (words == nullptr) return;
  if (!words->is_array() || words->get_array().size() > limits.max_bad_words) {
    return fields.fail_type("bad_words", *words,
                            fmt::format("a list of at most {} strings", limits.max_bad_words));
  }
  for (const json::value& word : words->get_array()) {
    if (!word.is_string() || word.get_string().empty() ||
        word.get_string().size() > limits.max_stop_bytes) {
      return fields.fail_type("bad_words", word,
                              fmt::format("strings of 1 to {} bytes", limits.max_stop_bytes));
    }
    request.bad_words.emplace_back(word.get_string());
  }
}

void read_truncation(JsonFields& fields, ServerRequest& request) {
  read_optional(fields, "truncate_prompt_tokens", request.truncate_prompt_tokens);
  if (request.truncate_prompt_tokens.value_or(1) < -1 || request.truncate_prompt_tokens == 0) {
    fields.fail("truncate_prompt_tokens",
                fmt::format("got {}, expected a number of tokens, or -1 for all that fit",
                            *request.truncate_prompt_tokens));
  }
  const std::string side = fields.text({"truncation_side"}).value_or("left");
  if (side != "left" && side != "right") {
    fields.fail("truncation_side", fmt::format("got {}, expected left or right", in_quotes(side)));
  }
  request.truncate_left = side == "left";
}

void read_cache_salt(JsonFields& fields, std::string& salt) {
  fields.read("cache_salt", salt);
  if (fields.find("cache_salt") == nullptr) return;
  if (salt.empty() || salt.size() > kMaxSaltBytes) {
    fields.fail("cache_salt",
                fmt::format("got {} bytes, expected 1 to {}", salt.size(), kMaxSaltBytes));
  }
}

/// All that both kinds of body have.
void read_common(JsonFields& fields, const RequestLimits& limits, ServerRequest& request) {
  fields.read("model", request.model);
  read_sampling_fields(fields, request.params, request.has_seed);
  clamp_biases(request.params);
  refuse_unsupported(fields);
  request.has_max_tokens = fields.find("max_tokens") != nullptr;
  read_count(fields, request);
  read_stream(fields, request);
  fields.read("echo", request.echo);
  fields.read("return_token_ids", request.return_token_ids);
  fields.read("return_tokens_as_token_ids", request.return_tokens_as_token_ids);
  fields.read("return_receipt", request.return_receipt);
  fields.read("timings_per_token", request.return_timings);
  fields.read("priority", request.priority);
  fields.read("request_id", request.request_id);
  if (request.request_id.size() > kMaxRequestIdBytes) {
    fields.fail("request_id", fmt::format("got {} bytes, expected at most {}",
                                          request.request_id.size(), kMaxRequestIdBytes));
  }
  read_cache_salt(fields, request.cache_salt);
  read_token_lists(fields, limits, request);
  read_truncation(fields, request);
  read_output_format(fields, request.format);
  std::string user;
  fields.read("user", user);
}

void read_chat_logprobs(JsonFields& fields, const RequestLimits& limits, SamplingParams& params) {
  bool logprobs = false;
  fields.read("logprobs", logprobs);
  int32_t top_logprobs = 0;
  fields.read("top_logprobs", top_logprobs);
  if (top_logprobs < 0 || top_logprobs > limits.max_logprobs) {
    fields.fail("top_logprobs",
                fmt::format("got {}, expected 0 to {}", top_logprobs, limits.max_logprobs));
  } else if (top_logprobs != 0 && !logprobs) {
    fields.fail("top_logprobs", "got it without \"logprobs\": true");
  }
  if (logprobs) params.logprobs = top_logprobs;
}

Result<void> check_choices(const ServerRequest& request, const RequestLimits& limits) {
  const auto fail = [](const char* field, std::string message) {
    return field_error(ErrorCode::kInvalidArgument, field, "{}", message);
  };
  if (request.n < 1 || request.n > limits.max_n) {
    return fail("n", fmt::format("got {}, expected 1 to {}", request.n, limits.max_n));
  }
  const auto num_choices = static_cast<int64_t>(request.prompts.size()) * request.n;
  if (num_choices > limits.max_output_choices) {
    return fail("n", fmt::format("got {} prompts with {} choices each, expected at most {} choices",
                                 request.prompts.size(), request.n, limits.max_output_choices));
  }
  const bool greedy = request.params.temperature == 0 || request.params.top_k == 1;
  if (request.n > 1 && greedy) {
    return fail("n", fmt::format("got {} with temperature 0, expected 1: greedy choices are equal",
                                 request.n));
  }
  return {};
}

}  // namespace

Result<void> check_server_request(const ServerRequest& request, const RequestLimits& limits) {
  const SamplingParams& params = request.params;
  const auto fail = [](const char* field, std::string message) {
    return field_error(ErrorCode::kInvalidArgument, field, "{}", message);
  };
  if (!(params.temperature <= kMaxTemperature)) {
    return fail("temperature", fmt::format("got {}, expected a number from 0 to {}",
                                           params.temperature, kMaxTemperature));
  }
  ERNIE_TRY_VOID(check_choices(request, limits));
  for (const std::string& stop : params.stop) {
    if (stop.size() > limits.max_stop_bytes) {
      return fail("stop", fmt::format("got a string of {} bytes, expected at most {}", stop.size(),
                                      limits.max_stop_bytes));
    }
  }
  for (const auto& [name, count] : {std::pair("logprobs", params.logprobs),
                                    std::pair("prompt_logprobs", params.prompt_logprobs)}) {
    if (count && (*count < 0 || *count > limits.max_logprobs)) {
      return fail(name, fmt::format("got {}, expected 0 to {}", *count, limits.max_logprobs));
    }
  }
  if (request.priority != 0 && !limits.allows_priority) {
    return fail("priority",
                fmt::format("got {}, expected 0: the server's scheduling policy is fcfs",
                            request.priority));
  }
  if (params.max_tokens == 0 && !request.echo) {
    return fail("max_tokens", "got 0, expected at least 1, or 0 with \"echo\": true");
  }
  if (request.stream && params.prompt_logprobs.value_or(0) > 0) {
    return fail("prompt_logprobs", "got it with \"stream\": true, expected one of them");
  }
  return {};
}

Result<ServerRequest> parse_server_completion(const json::object& body,
                                              const SamplingParams& defaults,
                                              const RequestLimits& limits) {
  ServerRequest request;
  request.params = defaults;
  JsonFields fields(body);
  read_prompts(fields, limits, request.prompts);
  read_common(fields, limits, request);
  read_optional(fields, "logprobs", request.params.logprobs);
  if (const json::value* suffix = fields.find("suffix")) {
    const bool is_empty = suffix->is_string() && suffix->get_string().empty();
    if (!is_empty) fields.fail("suffix", "not supported");
  }
  ERNIE_TRY_VOID(fields.finish_ignoring_others());
  ERNIE_TRY_VOID(check_server_request(request, limits));
  return request;
}

Result<ServerRequest> parse_server_chat(const json::object& body, const SamplingParams& defaults,
                                        const RequestLimits& limits) {
  ServerRequest request;
  request.params = defaults;
  request.params.max_tokens = std::numeric_limits<int32_t>::max();
  JsonFields fields(body);
  UserPrompt messages;
  read_messages(fields, messages);
  if (!std::holds_alternative<std::vector<ChatMessage>>(messages)) {
    fields.fail("messages", "expected a list of messages");
  }
  request.prompts.push_back(std::move(messages));
  read_common(fields, limits, request);
  if (fields.find("max_completion_tokens") != nullptr) request.has_max_tokens = true;
  fields.read("max_completion_tokens", request.params.max_tokens);
  read_chat_logprobs(fields, limits, request.params);
  read_tools(fields, request.tools);
  fields.read("include_reasoning", request.include_reasoning);
  fields.read("add_generation_prompt", request.add_generation_prompt);
  fields.read("continue_final_message", request.continue_final_message);
  if (request.continue_final_message && fields.find("add_generation_prompt") == nullptr) {
    request.add_generation_prompt = false;
  }
  if (request.continue_final_message && request.add_generation_prompt) {
    fields.fail("continue_final_message", "got true with add_generation_prompt, expected one");
  }
  if (fields.find("chat_template") != nullptr) {
    fields.fail("chat_template", "not supported: the model's own template is used");
  }
  if (request.format.kind != OutputFormat::Kind::kText &&
      request.tools.choice.kind == ToolChoice::Kind::kNamed) {
    fields.fail("tool_choice", fmt::format("got a named function beside {}, expected one of them",
                                           request.format.field));
  }
  ERNIE_TRY_VOID(fields.finish_ignoring_others());
  ERNIE_TRY_VOID(check_server_request(request, limits));
  return request;
}

}  // namespace ernie
