#pragma once

/// Parts that the answers of several APIs have.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "engine/generation_result.h"
#include "server/submission.h"

namespace ernie {

/// Tokens of one request so far.
struct UsageCounts {
  int64_t num_prompt_tokens = 0, num_cached_tokens = 0, num_output_tokens = 0;
};
boost::json::object usage_json(const UsageCounts& counts);
/// Of all choices; a prompt with several choices counts once.
UsageCounts count_usage(const Submission& submission, const std::vector<GenerationResult>& results);

/// "stop", "length", …; null while the choice goes on.
boost::json::value finish_reason_json(const std::optional<FinishReason>& reason);
/// What ended it of what the request listed: a stop string or a stop token's id; else null.
boost::json::value stop_reason_json(const std::string& stop_reason, const SamplingParams& params);

/// id, object, created and model.
boost::json::object answer_envelope(const Submission& submission, const char* object);

/// The receipt of an only choice stands in the body, as in the rows of a batch.
void hoist_receipt(boost::json::array& choices, boost::json::object& body);

/// Times of an answer under the names of llama-server.
boost::json::object timings_json(const UsageCounts& counts, const RequestTimings& timings);

template <typename List>
boost::json::array ids_json(const List& ids) {
  return boost::json::array(ids.begin(), ids.end());
}

}  // namespace ernie
