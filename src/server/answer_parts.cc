#include "server/answer_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/receipt_json.h"

namespace ernie {
namespace {

namespace json = boost::json;

double per_second(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }

}  // namespace

json::object usage_json(const UsageCounts& counts) {
  return {{"prompt_tokens", counts.num_prompt_tokens},
          {"completion_tokens", counts.num_output_tokens},
          {"total_tokens", counts.num_prompt_tokens + counts.num_output_tokens},
          {"prompt_tokens_details", {{"cached_tokens", counts.num_cached_tokens}}}};
}

UsageCounts count_usage(const Submission& submission,
                        const std::vector<GenerationResult>& results) {
  UsageCounts counts;
  const auto n = static_cast<size_t>(submission.request().n);
  for (size_t i = 0; i < results.size(); ++i) {
    counts.num_output_tokens += results[i].num_output_tokens;
    if (i % n != 0) continue;
    counts.num_prompt_tokens += results[i].num_prompt_tokens;
    counts.num_cached_tokens += results[i].num_cached_tokens;
  }
  return counts;
}

json::value finish_reason_json(const std::optional<FinishReason>& reason) {
  if (!reason) return nullptr;
  const std::string_view name = finish_reason_name(*reason);
  return json::string(name.data(), name.size());
}

json::value stop_reason_json(const std::string& stop_reason, const SamplingParams& params) {
  if (std::ranges::find(params.stop, stop_reason) != params.stop.end()) {
    return json::value(stop_reason);
  }
  for (const int32_t id : params.stop_token_ids) {
    if (stop_reason == fmt::to_string(id)) return id;
  }
  return nullptr;
}

json::object answer_envelope(const Submission& submission, const char* object) {
  return {{"id", submission.id()},
          {"object", object},
          {"created", submission.created()},
          {"model", submission.model_name()}};
}

void hoist_receipt(json::array& choices, json::object& body) {
  if (choices.size() != 1) return;
  json::object& choice = choices.front().get_object();
  const auto receipt = choice.find(kReceiptKey);
  if (receipt == choice.end()) return;
  body[kReceiptKey] = receipt->value();
  choice.erase(receipt);
}

json::object timings_json(const UsageCounts& counts, const RequestTimings& timings) {
  const double prompt_s = std::max(timings.first_token_s - timings.queue_s, 0.0);
  const double output_s = std::max(timings.total_s - timings.first_token_s, 0.0);
  const auto prompt_n = static_cast<double>(counts.num_prompt_tokens - counts.num_cached_tokens);
  const auto output_n = static_cast<double>(counts.num_output_tokens);
  return {{"cache_n", counts.num_cached_tokens},
          {"prompt_n", static_cast<int64_t>(prompt_n)},
          {"prompt_ms", prompt_s * 1e3},
          {"prompt_per_token_ms", prompt_n > 0 ? prompt_s * 1e3 / prompt_n : 0},
          {"prompt_per_second", per_second(prompt_n, prompt_s)},
          {"predicted_n", counts.num_output_tokens},
          {"predicted_ms", output_s * 1e3},
          {"predicted_per_token_ms", output_n > 0 ? output_s * 1e3 / output_n : 0},
          {"predicted_per_second", per_second(output_n, output_s)}};
}

}  // namespace ernie
