#pragma once

/// What the routes of a server work on: the model, its engine, and what clients may ask of them.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/server_request.h"
#include "engine/engine_loop.h"
#include "jobs/load_engine.h"
#include "receipt/receipt.h"
#include "server/metrics.h"
#include "server/routes.h"
#include "server/structured_output.h"

namespace ernie {

struct ServiceOptions {
  std::vector<std::string> model_names;  ///< first: in answers and metrics; empty: the model's own
  bool any_model = false;                ///< `model` of a request is not looked at
  SamplingParams sampling;               ///< where a request says nothing
  RequestLimits limits;
  EngineLoopOptions loop;
  bool log_requests = true;
  bool force_usage = false;  ///< streams always end with their usage
  /// Without a finished step for so long, though there is work, the server is unhealthy.
  std::chrono::seconds step_timeout{300};
};

/// Shared by all threads of a server. Exists before the model does, so that probes are answered
/// while it loads.
class Service {
 public:
  explicit Service(ServiceOptions options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// The model is there: routes that compute are open from now on. Once. `digest`: makes what all
  /// receipts of this model have in common; called at the first request for one.
  Result<void> start(LoadedEngine loaded, std::function<Result<Receipt>()> digest);
  /// Refuses new work; what runs goes on.
  void begin_draining() { is_draining_ = true; }
  /// Ends what runs.
  void stop();

  const ServiceOptions& options() const { return options_; }
  bool is_draining() const { return is_draining_; }
  bool is_loaded() const { return is_loaded_; }
  /// Why no work is taken now, if none is: loading, draining, a lost device, steps that hang.
  Result<void> ready() const;
  /// The same, but waiting for a model or for the end is no illness.
  Result<void> health() const;

  // Once is_loaded():
  EngineLoop& loop() const { return *loop_; }
  const Tokenizer* tokenizer() const { return tokenizer_.get(); }
  const std::shared_ptr<const Tokenizer>& shared_tokenizer() const { return tokenizer_; }
  ChatTemplateKind chat_template() const { return chat_template_; }
  const std::vector<std::string>& model_names() const { return names_; }
  const std::string& model_name() const { return names_.front(); }
  const std::string& model_description() const { return description_; }
  int64_t created() const { return created_; }  ///< seconds since 1970
  StructuredOutput& structured_output() { return *structured_output_; }
  /// Waits for the digests of the model if they are not there yet.
  Result<Receipt> receipt_template();
  Metrics& metrics() { return *metrics_; }

  /// Error: kNotFound if `model` is none of ours.
  Result<void> check_model(const std::string& model) const;

  /// Requests by the id that clients know, so that they can be cancelled.
  void add_request(const std::string& id, std::vector<RequestId> requests);
  void remove_request(const std::string& id);
  /// False if there is none.
  bool cancel_request(const std::string& id);
  int64_t num_requests() const;

 private:
  const ServiceOptions options_;
  std::atomic<bool> is_loaded_ = false, is_draining_ = false;
  std::vector<std::string> names_;
  std::string description_;
  int64_t created_ = 0;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ChatTemplateKind chat_template_ = ChatTemplateKind::kErnie45;
  std::unique_ptr<StructuredOutput> structured_output_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<EngineLoop> loop_;

  std::function<Result<Receipt>()> digest_;
  std::mutex digest_mutex_;
  std::optional<Result<Receipt>> receipt_template_;

  mutable std::mutex requests_mutex_;
  std::unordered_map<std::string, std::vector<RequestId>> requests_;
};

}  // namespace ernie
