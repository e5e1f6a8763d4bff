#include "server/submission.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "api/openai_json.h"
#include "api/receipt_json.h"
#include "engine/check_request.h"
#include "jobs/receipt_writer.h"
#include "receipt/sha256.h"
#include "server/token_limits.h"
#include "text/end_ids.h"

namespace ernie {
namespace {

/// For requests without a seed: two of them must not give the same answer.
uint64_t random_seed() {
  uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    seed = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return seed >> 1;  // one that a client can send back
}

/// Log-probabilities of prompts that one request may ask for: an answer of some 70 MB.
constexpr int64_t kMaxPromptLogprobs = int64_t{1} << 20;

/// Adds those of `one` to `num_so_far`.
Result<void> count_prompt_logprobs(const GenerationRequest& one, bool echo, int64_t& num_so_far) {
  if (!one.params.prompt_logprobs) return {};
  num_so_far += std::ssize(one.prompt_ids) * (*one.params.prompt_logprobs + 1);
  if (num_so_far <= kMaxPromptLogprobs) return {};
  return field_error(ErrorCode::kInvalidArgument, echo ? "logprobs" : "prompt_logprobs",
                     "got {} likeliest tokens for each token of a prompt of {} tokens, expected "
                     "prompts and numbers that need at most {} log-probabilities in all",
                     *one.params.prompt_logprobs, one.prompt_ids.size(), kMaxPromptLogprobs);
}

/// Of the engine: 0 is no salt. Who knows one salt cannot find another with the same number.
uint64_t salt_of(const ServerRequest& request) {
  if (request.cache_salt.empty()) return 0;
  const Digest digest = sha256(std::as_bytes(std::span(request.cache_salt)));
  uint64_t salt = 0;
  std::memcpy(&salt, digest.data(), sizeof salt);
  return std::max<uint64_t>(salt, 1);
}

ChatOptions chat_options(const ServerRequest& request) {
  ChatOptions options{request.add_generation_prompt, {}, request.continue_final_message};
  if (request.tools.choice.kind == ToolChoice::Kind::kNone) return options;
  for (const Tool& tool : request.tools.tools) options.tools.push_back(tool.text);
  return options;
}

AnswerForm form_of(const Service& service, const ServerRequest& request) {
  const bool is_chat = std::holds_alternative<std::vector<ChatMessage>>(request.prompts.front());
  AnswerForm form;
  if (!is_chat) return form;
  const bool thinking = service.chat_template() == ChatTemplateKind::kErnie45Thinking;
  form.thinks = thinking && request.add_generation_prompt;
  form.has_blocks = thinking;
  form.has_tools = request.tools.choice.kind == ToolChoice::Kind::kAuto;
  form.one_call = !request.tools.parallel;
  if (request.tools.choice.is_forced()) form.forced = request.tools.choice;
  return form;
}

int64_t now_in_seconds() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<Prompt> render_chat(const Service& service, const ServerRequest& request) {
  return chat_prompt(service.chat_template(),
                     std::get<std::vector<ChatMessage>>(request.prompts.front()),
                     chat_options(request));
}

Submission::Submission(Service& service, ServerRequest request, std::string id)
    : service_(service),
      request_(std::move(request)),
      id_(std::move(id)),
      created_(now_in_seconds()),
      form_(form_of(service, request_)) {}

Submission::~Submission() {
  if (streams_.empty()) return;
  service_.remove_request(id_);
  if (service_.options().log_requests) log();
}

const std::string& Submission::model_name() const { return service_.model_name(); }

Result<std::unique_ptr<Submission>> Submission::create(Service& service, const Exchange& exchange,
                                                       ServerRequest request, std::string id) {
  ERNIE_TRY_VOID(service.check_model(request.model));
  std::unique_ptr<Submission> self(new Submission(service, std::move(request), std::move(id)));
  ERNIE_TRY(std::vector<GenerationRequest> requests, self->make_requests(exchange));
  service.metrics().record_request(self->request_);
  Delivery delivery;
  delivery.whole = !self->request_.stream;
  delivery.on_ready = [waker = exchange.waker](RequestId) { waker->wake(); };
  auto streams = service.loop().submit_all(std::move(requests), delivery);
  if (!streams) return streams.error();
  self->streams_ = *std::move(streams);
  std::vector<RequestId> ids;
  for (const TokenStream& stream : self->streams_) ids.push_back(stream.id());
  service.add_request(self->id_, std::move(ids));
  return self;
}

Result<std::vector<GenerationRequest>> Submission::make_requests(const Exchange& exchange) {
  ERNIE_TRY(const auto constraint, service_.structured_output().factory(request_, form_.thinks));
  ERNIE_TRY(const auto limits, token_limits(request_, service_));
  std::optional<Receipt> common;
  if (request_.return_receipt) {
    // A receipt says all that the tokens depend on, and has no place for these.
    if (constraint || limits.restricts()) {
      return field_error(ErrorCode::kUnsupported, "return_receipt",
                         "got true beside a format, a forced tool, allowed_token_ids or bad_words, "
                         "expected false");
    }
    ERNIE_TRY(common, service_.receipt_template());
  }
  if (!request_.has_seed) request_.params.seed = random_seed();
  const uint64_t salt = salt_of(request_);
  std::vector<GenerationRequest> requests;
  int64_t num_prompt_logprobs = 0;
  for (const UserPrompt& prompt : request_.prompts) {
    ERNIE_TRY(const GenerationRequest base, tokenize(prompt));
    prompts_.push_back(base.prompt_ids);
    for (int32_t i = 0; i < request_.n; ++i) {
      ERNIE_TRY_VOID(count_prompt_logprobs(base, request_.echo, num_prompt_logprobs));
      GenerationRequest one = base;
      one.params.seed += static_cast<uint64_t>(i);
      one.priority = request_.priority;
      one.client_id = exchange.client_id;
      one.cache_salt = salt;
      one.constraint = limits.make(constraint ? constraint() : nullptr);
      if (common) {
        receipts_.push_back(
            start_receipt(*common, one, request_.params.prompt_logprobs, request_.echo));
      }
      // Here, because the queue names a bad request by its index and not by its field.
      ERNIE_TRY_VOID(check_request(one, service_.loop().limits()));
      requests.push_back(std::move(one));
    }
  }
  return requests;
}

Result<GenerationRequest> Submission::tokenize(const UserPrompt& prompt) const {
  SamplingParams params = request_.params;
  if (request_.echo && params.logprobs) {
    // The logprobs of an echoed prompt are part of the answer's.
    params.prompt_logprobs = std::max(*params.logprobs, params.prompt_logprobs.value_or(0));
  }
  // Where the answer's parts are told by tokens, these must be seen.
  if (form_.has_blocks) params.skip_special_tokens = false;
  GenerationRequest request;
  if (std::holds_alternative<std::vector<ChatMessage>>(prompt) && service_.tokenizer() != nullptr) {
    ERNIE_TRY(const Prompt rendered, render_chat(service_, request_));
    request.params = std::move(params);
    ERNIE_TRY(request.prompt_ids, rendered.encode(*service_.tokenizer()));
    if (!request.params.ignore_eos) {
      const auto ends = turn_end_ids(*service_.tokenizer(), service_.chat_template());
      auto& ids = request.params.stop_token_ids;
      ids.insert(ids.end(), ends.begin(), ends.end());
    }
  } else {
    // Clients that render a chat template themselves send its control tokens as text.
    ERNIE_TRY(request, to_generation_request(prompt, std::move(params), service_.tokenizer(),
                                             service_.chat_template(), SpecialTokens::kParse));
  }
  ERNIE_TRY_VOID(truncate(request));
  return request;
}

Result<void> Submission::truncate(GenerationRequest& request) const {
  if (!request_.truncate_prompt_tokens) return {};
  const int64_t longest = service_.loop().limits().max_model_len;
  const int64_t reserved = request.params.max_tokens > 0 ? 1 : 0;
  const int64_t wanted = *request_.truncate_prompt_tokens;
  if (wanted > longest) {
    return field_error(ErrorCode::kInvalidArgument, "truncate_prompt_tokens",
                       "got {}, expected at most max_model_len = {}", wanted, longest);
  }
  const auto most = static_cast<size_t>(wanted < 0 ? longest - reserved : wanted);
  std::vector<TokenId>& ids = request.prompt_ids;
  if (ids.size() <= most) return {};
  if (request_.truncate_left) {
    ids.erase(ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(most));
  } else {
    ids.resize(most);
  }
  return {};
}

std::string Submission::echoed_text(size_t prompt) const {
  if (!request_.echo) return "";
  const UserPrompt& given = request_.prompts[prompt];
  if (const auto* messages = std::get_if<std::vector<ChatMessage>>(&given)) {
    return messages->back().content;
  }
  const auto* text = std::get_if<std::string>(&given);
  if (text != nullptr && !request_.truncate_prompt_tokens) return *text;
  if (tokenizer() == nullptr) return "";
  return tokenizer()->decode(prompts_[prompt], !request_.params.skip_special_tokens);
}

boost::json::value Submission::receipt(size_t choice, const GenerationResult& result,
                                       std::string_view text) {
  if (receipts_.empty()) return nullptr;
  Receipt& receipt = *receipts_[choice];
  receipt.id = id_;
  receipt.row = static_cast<int64_t>(choice) + 1;
  receipt.num_rows = static_cast<int64_t>(num_choices());
  finish_receipt(receipt, result, text);
  return receipt_to_json(receipt);
}

void Submission::note_end(const RequestOutput& last) {
  GenerationResult result;
  result.append(last);
  note_end(result);
}

void Submission::note_end(const GenerationResult& result) {
  ++ends_.num_ended;
  if ((ends_.num_ended - 1) % request_.n == 0) {
    ends_.num_prompt_tokens += result.num_prompt_tokens;
    ends_.num_cached_tokens += result.num_cached_tokens;
  }
  ends_.num_output_tokens += result.num_output_tokens;
  ends_.slowest.queue_s = std::max(ends_.slowest.queue_s, result.timings.queue_s);
  ends_.slowest.first_token_s = std::max(ends_.slowest.first_token_s, result.timings.first_token_s);
  ends_.slowest.total_s = std::max(ends_.slowest.total_s, result.timings.total_s);
  const std::string_view reason = finish_reason_name(result.finish_reason);
  if (ends_.reasons.find(reason) != std::string::npos) return;
  if (!ends_.reasons.empty()) ends_.reasons += ",";
  ends_.reasons += reason;
}

/// One line for each request, without a word of what was asked or answered.
void Submission::log() const {
  const bool whole = ends_.num_ended == static_cast<int64_t>(streams_.size());
  spdlog::info(
      "request id={} choices={} prompt_tokens={} cached_tokens={} output_tokens={} queue_ms={:.1f} "
      "ttft_ms={:.1f} total_ms={:.1f} finish={}",
      id_, streams_.size(), ends_.num_prompt_tokens, ends_.num_cached_tokens,
      ends_.num_output_tokens, ends_.slowest.queue_s * 1e3, ends_.slowest.first_token_s * 1e3,
      ends_.slowest.total_s * 1e3, whole ? ends_.reasons : "disconnected");
}

}  // namespace ernie
