#pragma once

/// A receipt: what an answer was computed from and how, token by token, as a hash chain that can be
/// recomputed. docs/receipts.md owns the format.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/request.h"
#include "receipt/sha256.h"

namespace ernie {

inline constexpr int32_t kReceiptVersion = 1;

/// One chosen token with the traces of the logits that it was chosen from.
struct TokenRecord {
  TokenId token_id = 0;
  uint32_t logit_bits = 0;                ///< of its own logit, a float32 before penalties and bias
  std::array<std::byte, 8> row_digest{};  ///< begin of the SHA-256 of the whole row of float32
  friend bool operator==(const TokenRecord&, const TokenRecord&) = default;
};

TokenRecord make_token_record(TokenId token_id, std::span<const float> logits);

/// Everything that a request asked for beside its prompt.
struct ReceiptParams {
  SamplingParams sampling;
  bool echo = false;          ///< the prompt stands before the text
  int64_t max_model_len = 0;  ///< of the engine: an answer ends there as "length"
};

/// Calls visit(name, field) for every field, in the order of the chain, under the names of the API.
template <typename Params, typename Visit>
void for_each_field(Params& params, Visit&& visit) {
  auto& sampling = params.sampling;
  visit("temperature", sampling.temperature);
  visit("top_k", sampling.top_k);
  visit("top_p", sampling.top_p);
  visit("min_p", sampling.min_p);
  visit("repetition_penalty", sampling.repetition_penalty);
  visit("presence_penalty", sampling.presence_penalty);
  visit("frequency_penalty", sampling.frequency_penalty);
  visit("logit_bias", sampling.logit_bias);
  visit("seed", sampling.seed);
  visit("max_tokens", sampling.max_tokens);
  visit("min_tokens", sampling.min_tokens);
  visit("ignore_eos", sampling.ignore_eos);
  visit("stop", sampling.stop);
  visit("stop_token_ids", sampling.stop_token_ids);
  visit("include_stop_str_in_output", sampling.include_stop_in_output);
  visit("skip_special_tokens", sampling.skip_special_tokens);
  visit("logprobs", sampling.logprobs);
  visit("prompt_logprobs", sampling.prompt_logprobs);
  visit("echo", params.echo);
  visit("max_model_len", params.max_model_len);
}

/// What names a line of a file: a custom_id, or the id of a prompt.
using LineId = std::variant<std::string, int64_t>;

struct Receipt {
  LineId id;             ///< of the line that it stands in
  int64_t row = 0;       ///< from 1, in the file of the job
  int64_t num_rows = 0;  ///< of that file; 0: not known when the job began
  Digest model{};
  std::optional<Digest> tokenizer;
  std::string numerics;  ///< device and dtype: what bits depend on beside the model
  ReceiptParams params;
  std::vector<TokenId> prompt_ids;
  std::vector<TokenRecord> tokens;
  std::string finish_reason, stop_reason;
  Digest text{};  ///< SHA-256 of the text as it stands in the line
  std::string
      marks;  ///< 8 hexadecimal digits for each item before the tokens: where its link begins
  Digest head{};
};

/// Sets marks and head from everything else.
void seal(Receipt& receipt);

/// What was changed after sealing: the name of the first item before the tokens whose mark does not
/// fit, "head" if only the head does not, nothing if all fits.
std::optional<std::string> broken_item(const Receipt& receipt);

/// The names of the fields whose values differ.
std::vector<std::string> differing_fields(const ReceiptParams& a, const ReceiptParams& b);

}  // namespace ernie
