#include "server/service.h"

#include <chrono>

#include "base/utf8.h"

namespace ernie {
namespace {

int64_t seconds_since_1970() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Service::Service(ServiceOptions options)
    : options_(std::move(options)), names_(options_.model_names), created_(seconds_since_1970()) {
  metrics_ = std::make_unique<Metrics>(names_.empty() ? "" : names_.front());
}

Service::~Service() { stop(); }

Result<void> Service::start(LoadedEngine loaded, std::function<Result<Receipt>()> digest) {
  if (names_.empty()) names_.push_back(loaded.model_name);
  description_ = loaded.weights == nullptr ? "" : loaded.weights->describe();
  tokenizer_ = std::move(loaded.tokenizer);
  chat_template_ = loaded.chat_template;
  digest_ = std::move(digest);
  structured_output_ =
      std::make_unique<StructuredOutput>(tokenizer_, loaded.engine->limits().vocab_size);
  metrics_->set_model(model_name(), *loaded.engine);
  EngineLoopOptions options = options_.loop;
  options.on_step = [this](const StepRecord& record) {
    metrics_->record_step(record, loop_.get());
  };
  ERNIE_TRY(loop_, EngineLoop::create(std::move(loaded.engine), std::move(options)));
  is_loaded_ = true;
  return {};
}

void Service::stop() {
  if (loop_ != nullptr) loop_->stop();
}

Result<void> Service::health() const {
  if (!is_loaded_) return make_error(ErrorCode::kShuttingDown, "loading the model");
  ERNIE_TRY_VOID(loop_->health());
  const EngineLoopStatus status = loop_->status();
  const auto limit = static_cast<double>(options_.step_timeout.count());
  if (status.current_step_s > limit) {
    return make_error(ErrorCode::kDeviceLost, "a step has taken {:.0f} s, expected at most {:.0f}",
                      status.current_step_s, limit);
  }
  return {};
}

Result<void> Service::ready() const {
  ERNIE_TRY_VOID(health());
  if (is_draining_) return make_error(ErrorCode::kShuttingDown, "shutting down");
  return {};
}

Result<Receipt> Service::receipt_template() {
  const std::lock_guard lock(digest_mutex_);
  if (!receipt_template_) receipt_template_ = digest_();
  return *receipt_template_;
}

Result<void> Service::check_model(const std::string& model) const {
  if (model.empty() || options_.any_model) return {};
  for (const std::string& name : names_) {
    if (name == model) return {};
  }
  Error error = make_error(ErrorCode::kNotFound, "The model {} does not exist; there is {}",
                           in_quotes(model), in_quotes(names_.front()));
  error.field = "model";
  return error;
}

void Service::add_request(const std::string& id, std::vector<RequestId> requests) {
  const std::lock_guard lock(requests_mutex_);
  auto& all = requests_[id];  // a client may use one id twice
  all.insert(all.end(), requests.begin(), requests.end());
}

void Service::remove_request(const std::string& id) {
  const std::lock_guard lock(requests_mutex_);
  requests_.erase(id);
}

bool Service::cancel_request(const std::string& id) {
  std::vector<RequestId> requests;
  {
    const std::lock_guard lock(requests_mutex_);
    const auto it = requests_.find(id);
    if (it == requests_.end()) return false;
    requests = it->second;
  }
  for (const RequestId request : requests) loop_->cancel(request);
  return true;
}

int64_t Service::num_requests() const {
  const std::lock_guard lock(requests_mutex_);
  return static_cast<int64_t>(requests_.size());
}

}  // namespace ernie
