#include "jobs/receipt_check.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

#include "api/batch_file.h"
#include "api/prompt_file.h"
#include "api/receipt_json.h"
#include "json/text.h"

namespace ernie {
namespace {

/// "choices" of "choices[0].text"; nothing of a key that is no name.
std::string first_name(std::string_view path) {
  std::string name(path.substr(0, path.find_first_of(".[")));
  return name.find('"') == std::string::npos ? name : "";
}

Finding model_finding(const Receipt& receipt, const OwnModel& own) {
  if (own.recorded && model_digest(*own.recorded) == receipt.model) {
    return departs("model", "{}", fmt::join(differences(own.manifest, *own.recorded), "; "));
  }
  return departs("model", "got the digest {}…, this model has {}…; {}",
                 to_hex(std::span(receipt.model).first<8>()),
                 to_hex(std::span(own.common.model).first<8>()),
                 own.recorded ? "the manifest beside the results is that of another model"
                              : "without a manifest beside the results no tensor can be named");
}

std::string shown_logit(uint32_t bits) {
  return fmt::format("{:08x} ({})", bits, std::bit_cast<float>(bits));
}

/// The first token of the receipt that is not the one recomputed.
std::optional<std::string> token_difference(const std::vector<TokenRecord>& got,
                                            const std::vector<TokenRecord>& recomputed) {
  for (size_t i = 0; i < std::max(got.size(), recomputed.size()); ++i) {
    if (i >= got.size()) {
      return fmt::format("token {}: the receipt ends, recomputed id {}", i, recomputed[i].token_id);
    }
    if (i >= recomputed.size()) {
      return fmt::format("token {}: got id {}, recomputed an end", i, got[i].token_id);
    }
    const TokenRecord &a = got[i], &b = recomputed[i];
    if (a.token_id != b.token_id) {
      return fmt::format("token {}: got id {}, recomputed id {}", i, a.token_id, b.token_id);
    }
    if (a.logit_bits != b.logit_bits) {
      return fmt::format("token {} (id {}): its logit: got {}, recomputed {}", i, a.token_id,
                         shown_logit(a.logit_bits), shown_logit(b.logit_bits));
    }
    if (a.row_digest != b.row_digest) {
      return fmt::format(
          "token {} (id {}): a logit of another token: digest of the row: got {}, "
          "recomputed {}",
          i, a.token_id, to_hex(a.row_digest), to_hex(b.row_digest));
    }
  }
  return std::nullopt;
}

void compare_texts(const char* name, const std::string& got, std::string_view recomputed,
                   Findings& findings) {
  if (got == recomputed) return;
  findings.push_back(departs(
      name, "got {}, recomputed {}", brief(boost::json::value(got)),
      brief(boost::json::value(boost::json::string_view(recomputed.data(), recomputed.size())))));
}

/// The answer written anew. If it repeats a prompt that only its ids are known of, the text may or
/// may not have its special tokens: the form that fits is taken.
boost::json::object render(const ResultLine& line, const GenerationResult& result,
                           const UserPrompt* prompt, const Tokenizer* tokenizer) {
  const std::vector<TokenId>& ids = line.receipt->prompt_ids;
  if (prompt != nullptr || !line.receipt->params.echo || tokenizer == nullptr) {
    return rendered_answer(line, result, prompt == nullptr ? UserPrompt(ids) : *prompt, tokenizer);
  }
  auto answer = rendered_answer(line, result, tokenizer->decode(ids, true), tokenizer);
  if (text_of(line, answer) == text_of(line, line.answer)) return answer;
  return rendered_answer(line, result, ids, tokenizer);
}

void check_answer_text(const ResultLine& line, Findings& findings) {
  const auto text = text_of(line, line.answer);
  if (text && sha256(std::as_bytes(std::span(*text))) == line.receipt->text) return;
  findings.push_back(departs("text", "not the one that the receipt was made for"));
}

/// The seed of a batch request that gives none.
std::optional<uint64_t> seed_of_row(const std::string& batch_row_id) {
  uint64_t seed = 0;
  if (batch_row_id.size() != 32) return std::nullopt;
  const char* end = batch_row_id.data() + batch_row_id.size();
  const auto parsed = std::from_chars(end - 16, end, seed, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return seed;
}

/// What a line leaves open was decided by flags of the run. No flag sets stop_token_ids: those of a
/// receipt are the line's own and the chat template's.
SamplingParams flag_params(SamplingParams of_receipt) {
  of_receipt.stop_token_ids.clear();
  return of_receipt;
}

/// The request of an input line, its id checked, with seeds as the job chose them.
Result<ApiRequest> input_request(const ResultLine& line, std::string_view input,
                                 const InputRules& rules, Findings& findings) {
  if (line.kind == ResultLine::Kind::kServer) {
    return make_error(ErrorCode::kUnsupported, "an answer of a server is of no file");
  }
  LineId id = line.id;
  std::optional<ApiRequest> request;
  Error error;
  if (line.kind == ResultLine::Kind::kBatch) {
    BatchLine parsed = parse_batch_line(input);
    if (parsed.line_error) return Error{ErrorCode::kInvalidArgument, parsed.line_error->message};
    if (parsed.custom_id) id = *parsed.custom_id;
    request = std::move(parsed.request);
    error = parsed.body_error;
    const auto seed = seed_of_row(line.batch_row_id);
    if (request && !request->has_seed && seed) request->params.seed = *seed;
  } else {
    PromptLine parsed = parse_prompt_line(
        input, {flag_params(line.receipt->params.sampling), rules.chat, rules.system});
    if (parsed.id) id = *parsed.id;
    request = std::move(parsed.request);
    error = parsed.error;
  }
  if (id != line.id) {
    findings.push_back(departs("id", "got {}, the input has {}", shown_id(line.id), shown_id(id)));
  }
  if (!request) return error;
  return *std::move(request);
}

void compare_prompts(const std::vector<TokenId>& got, const std::vector<TokenId>& input,
                     Findings& findings) {
  if (got == input) return;
  const auto [a, b] = std::mismatch(got.begin(), got.end(), input.begin(), input.end());
  const auto shown = [](auto at, auto end) {
    return at == end ? std::string("the end") : fmt::format("id {}", *at);
  };
  findings.push_back(departs("prompt", "token {}: got {}, the input has {}", a - got.begin(),
                             shown(a, got.end()), shown(b, input.end())));
}

}  // namespace

Finding finding_of(const Error& error) { return {first_name(error.field), error.message}; }

std::string joined(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) text += (text.empty() ? "" : "; ") + finding.text;
  return text;
}

Findings check_receipt(const ResultLine& line, const OwnModel& own) {
  const Receipt& receipt = *line.receipt;
  Findings findings;
  const auto broken = broken_item(receipt);
  if (broken && *broken != "head") {
    findings.push_back(departs(*broken, "changed after the receipt was made"));
  }
  if (!line.has_answer) findings.push_back(departs("answer", "there is none, but a receipt"));
  if (receipt.id != line.id) {
    findings.push_back(departs("id", "the line is {}, its receipt is that of {}", shown_id(line.id),
                               shown_id(receipt.id)));
  }
  if (receipt.model != own.common.model) findings.push_back(model_finding(receipt, own));
  if (receipt.tokenizer != own.common.tokenizer) {
    findings.push_back(departs("tokenizer", "this one gives other texts for the ids"));
  }
  if (receipt.numerics != own.common.numerics) {
    findings.push_back(
        departs("numerics", "got \"{}\", this is \"{}\"", receipt.numerics, own.common.numerics));
  }
  return findings;
}

Result<GenerationRequest> repeated_request(const ResultLine& line) {
  const Receipt& receipt = *line.receipt;
  ApiRequest request;
  request.prompt = receipt.prompt_ids;
  request.echo = receipt.params.echo;
  request.params = receipt.params.sampling;
  ERNIE_TRY(GenerationRequest generation,
            to_generation_request(request, nullptr, ChatTemplateKind::kErnie45));
  SamplingParams& params = generation.params;
  const auto prompt_length = static_cast<int64_t>(receipt.prompt_ids.size());
  const auto enough = static_cast<int64_t>(receipt.tokens.size()) + 1;
  const int64_t room = std::max(receipt.params.max_model_len, prompt_length) - prompt_length;
  // The context of the engine that made it ends the answer here too, whatever this engine's is.
  const int64_t limit =
      std::min({int64_t{params.max_tokens}, room, std::max(enough, int64_t{params.min_tokens})});
  params.max_tokens = static_cast<int32_t>(limit);
  params.min_tokens = std::min(params.min_tokens, params.max_tokens);
  return generation;
}

Findings check_answer(const ResultLine& line, const GenerationResult& result,
                      const std::vector<TokenRecord>& tokens, const UserPrompt* prompt,
                      const Tokenizer* tokenizer) {
  const Receipt& receipt = *line.receipt;
  Findings findings;
  if (auto difference = token_difference(receipt.tokens, tokens)) {
    return {{"token", *std::move(difference)}};
  }
  compare_texts("finish_reason", receipt.finish_reason, finish_reason_name(result.finish_reason),
                findings);
  compare_texts("stop_reason", receipt.stop_reason, result.stop_reason, findings);
  auto difference = first_difference(line.answer, render(line, result, prompt, tokenizer));
  if (difference) {
    findings.push_back({first_name(difference->path), std::move(difference->text)});
  } else {
    check_answer_text(line, findings);
  }
  if (findings.empty() && broken_item(receipt) == "head") {
    findings.push_back(departs("head", "not the end of the chain over this receipt"));
  }
  return findings;
}

Findings check_input(const ResultLine& line, std::string_view input, const InputRules& rules,
                     std::optional<UserPrompt>& prompt) {
  Findings findings;
  auto request = input_request(line, input, rules, findings);
  if (!request) {
    findings.push_back(departs("input", "no answer was possible: {}", request.error().message));
    return findings;
  }
  const auto generation = to_generation_request(*request, rules.tokenizer, rules.chat_template);
  if (!generation) {
    findings.push_back(departs("input", "{}", generation.error().message));
    return findings;
  }
  ReceiptParams params{generation->params, request->echo, line.receipt->params.max_model_len};
  params.sampling.prompt_logprobs = request->params.prompt_logprobs;
  for (const std::string& name : differing_fields(line.receipt->params, params)) {
    findings.push_back(departs(name, "got {}, the input has {}",
                               shown_field(line.receipt->params, name), shown_field(params, name)));
  }
  compare_prompts(line.receipt->prompt_ids, generation->prompt_ids, findings);
  prompt = std::move(request->prompt);
  return findings;
}

}  // namespace ernie
