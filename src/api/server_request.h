#pragma once

/// The bodies of /v1/completions and /v1/chat/completions as a server takes them: several prompts,
/// several choices, streams, tools and formats. Fields that it does not know are ignored, as the
/// clients of such servers expect.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/output_format.h"
#include "api/tools.h"
#include "engine/user_prompt.h"

namespace ernie {

/// The most that one request may ask for.
struct RequestLimits {
  int32_t max_prompts = 64;          ///< in one body of /v1/completions
  int32_t max_n = 16;                ///< choices of each prompt
  int32_t max_logprobs = 20;         ///< of each token
  size_t max_stop_bytes = 1024;      ///< of one stop string
  size_t max_bad_words = 128;        ///< strings
  int32_t max_output_choices = 128;  ///< prompts times n
  bool allows_priority = false;      ///< whether a priority other than 0 has a meaning
};

struct ServerRequest {
  std::string model;                ///< empty: whichever there is
  std::vector<UserPrompt> prompts;  ///< at least one; of a chat exactly one, its messages
  SamplingParams params;            ///< over the defaults that were given
  bool has_seed = false;
  bool has_max_tokens = false;
  int32_t n = 1;
  bool echo = false;
  bool stream = false;
  bool include_usage = false, continuous_usage = false;  ///< with stream
  bool return_token_ids = false, return_tokens_as_token_ids = false;
  bool return_receipt = false;
  bool return_timings = false;
  int64_t priority = 0;
  std::string cache_salt;                         ///< empty: cached prefixes are everybody's
  std::string request_id;                         ///< empty: the server's choice
  std::optional<int32_t> truncate_prompt_tokens;  ///< -1: what fits
  bool truncate_left = true;
  std::vector<TokenId> allowed_token_ids;
  std::vector<std::string> bad_words;
  OutputFormat format;

  // Of a chat:
  ToolRequest tools;
  bool include_reasoning = true;
  bool add_generation_prompt = true, continue_final_message = false;
};

/// `defaults`: sampling parameters that hold where the body says nothing. An error names the field
/// first.
Result<ServerRequest> parse_server_completion(const boost::json::object& body,
                                              const SamplingParams& defaults,
                                              const RequestLimits& limits);
/// Without max_tokens the answer may fill the context.
Result<ServerRequest> parse_server_chat(const boost::json::object& body,
                                        const SamplingParams& defaults,
                                        const RequestLimits& limits);

/// What neither of them can check alone: n, stop strings, temperature and the like.
Result<void> check_server_request(const ServerRequest& request, const RequestLimits& limits);

}  // namespace ernie
