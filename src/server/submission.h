#pragma once

/// From a request of the API to streams of tokens.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/answer_parser.h"
#include "api/server_request.h"
#include "engine/generation_result.h"
#include "engine/token_stream.h"
#include "receipt/receipt.h"
#include "server/service.h"

namespace ernie {

/// What is computed for one request. Dropping it cancels that.
class Submission {
 public:
  /// Checks, tokenises and queues. Error: what the client or the server lacks; then nothing is
  /// queued. `id`: under which the request can be cancelled.
  static Result<std::unique_ptr<Submission>> create(Service& service, const Exchange& exchange,
                                                    ServerRequest request, std::string id);
  ~Submission();
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;

  const ServerRequest& request() const { return request_; }
  const std::string& id() const { return id_; }
  const Tokenizer* tokenizer() const { return service_.tokenizer(); }
  const std::string& model_name() const;
  int64_t created() const { return created_; }  ///< seconds since 1970
  /// How the text of an answer is to be taken apart.
  const AnswerForm& form() const { return form_; }

  /// Choice i belongs to prompt i / n.
  size_t num_choices() const { return streams_.size(); }
  TokenStream& stream(size_t choice) { return streams_[choice]; }
  size_t num_prompts() const { return prompts_.size(); }
  size_t prompt_of(size_t choice) const { return choice / static_cast<size_t>(request_.n); }
  const std::vector<TokenId>& prompt_ids(size_t prompt) const { return prompts_[prompt]; }
  /// What echo puts before an answer.
  std::string echoed_text(size_t prompt) const;
  /// Completes the receipt of a choice; null if none was asked for.
  boost::json::value receipt(size_t choice, const GenerationResult& result, std::string_view text);

  /// Notes how a choice ended, for the log.
  void note_end(const RequestOutput& last);
  void note_end(const GenerationResult& result);

 private:
  Submission(Service& service, ServerRequest request, std::string id);
  Result<std::vector<GenerationRequest>> make_requests(const Exchange& exchange);
  Result<GenerationRequest> tokenize(const UserPrompt& prompt) const;
  Result<void> truncate(GenerationRequest& request) const;
  void log() const;

  Service& service_;
  ServerRequest request_;
  std::string id_;
  int64_t created_ = 0;
  AnswerForm form_;
  std::vector<std::vector<TokenId>> prompts_;
  std::vector<std::shared_ptr<Receipt>> receipts_;  // by choice, if asked for
  std::vector<TokenStream> streams_;

  struct Ends {
    int64_t num_ended = 0, num_prompt_tokens = 0, num_output_tokens = 0, num_cached_tokens = 0;
    RequestTimings slowest;
    std::string reasons;
  } ends_;
};

/// What comes out of a chat template for these messages and tools.
Result<Prompt> render_chat(const Service& service, const ServerRequest& request);

}  // namespace ernie
