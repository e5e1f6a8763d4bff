#include "engine/request_channel.h"

namespace ernie {
namespace {

double seconds_between(std::chrono::steady_clock::time_point begin,
                       std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

RequestChannel::RequestChannel(GenerationRequest request, Delivery delivery)
    : delivery_(std::move(delivery)),
      num_prompt_tokens_(static_cast<int64_t>(request.prompt_ids.size())),
      client_id_(request.client_id),
      request_(std::move(request)) {}

GenerationRequest RequestChannel::take_request() {
  entered_ = Clock::now();
  return std::move(request_);
}

void RequestChannel::complete(RequestOutput& output) const {
  output.request_id = id_;
  if (!output.finish_reason) return;
  RequestTimings& timings = output.timings;
  for (double* time : {&timings.queue_s, &timings.first_token_s, &timings.total_s}) {
    if (*time > 0) *time += seconds_between(queued_, entered_);  // 0: it did not come to that
  }
}

bool RequestChannel::push(RequestOutput output) {
  const std::lock_guard lock(mutex_);
  const bool was_readable = is_readable();
  const std::optional<FinishReason> finish_reason = output.finish_reason;
  num_output_tokens_ += static_cast<int64_t>(output.token_ids.size());
  if (has_unread_) {
    merge(unread_, std::move(output));
  } else if (!is_closed_) {
    unread_ = std::move(output);
    has_unread_ = true;
  }
  // Last: if there was no memory to merge, end() still has to come.
  if (finish_reason) set_end(*finish_reason);
  return !is_closed_ && !was_readable && is_readable();
}

bool RequestChannel::end(FinishReason reason, std::shared_ptr<const Error> failure) noexcept {
  const std::lock_guard lock(mutex_);
  if (end_reason_) return false;
  const bool was_readable = is_readable();
  failure_ = std::move(failure);
  set_end(reason);
  return !was_readable && !is_closed_;
}

/// wake() is for who finds nothing to read; who waits for the end may have left something unread.
void RequestChannel::set_end(FinishReason reason) noexcept {
  end_reason_ = reason;
  readable_.notify_one();
}

void RequestChannel::wake() noexcept {
  readable_.notify_one();
  if (delivery_.on_ready) delivery_.on_ready(id_);
}

bool RequestChannel::is_readable() const {
  return end_reason_.has_value() || (has_unread_ && !delivery_.whole);
}

std::optional<RequestOutput> RequestChannel::take(std::optional<std::chrono::nanoseconds> timeout) {
  if (end_taken_) return std::nullopt;
  std::unique_lock lock(mutex_);
  const auto readable = [this] { return is_readable(); };
  if (!timeout) {
    readable_.wait(lock, readable);
  } else if (!readable_.wait_for(lock, *timeout, readable)) {
    return std::nullopt;
  }
  RequestOutput output = end_reason_ && !unread_.finish_reason ? last_output() : std::move(unread_);
  unread_ = {};
  has_unread_ = false;
  end_taken_ = output.finish_reason.has_value();
  return output;
}

void RequestChannel::wait_for_end(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  readable_.wait_for(lock, timeout, [this] { return end_reason_.has_value(); });
}

/// What was not read, and the end that end() decided.
RequestOutput RequestChannel::last_output() {
  RequestOutput output = std::move(unread_);
  output.request_id = id_;
  output.finish_reason = end_reason_;
  if (failure_ != nullptr) output.error = failure_->message;
  output.num_prompt_tokens = num_prompt_tokens_;
  output.num_output_tokens = num_output_tokens_;
  output.timings.total_s = seconds_between(queued_, Clock::now());
  return output;
}

void RequestChannel::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  unread_ = {};
  has_unread_ = false;
}

}  // namespace ernie
