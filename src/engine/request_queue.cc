#include "engine/request_queue.h"

namespace ernie {

Result<void> RequestQueue::push(const std::vector<ChannelPtr>& channels) {
  // The nodes are made before the lock: under it nothing can fail once one of them is in.
  std::map<RequestId, Entry> arriving;
  int64_t num_tokens = 0;
  for (const ChannelPtr& channel : channels) {
    num_tokens += channel->num_prompt_tokens();
    arriving.emplace_hint(arriving.end(), arriving.size(), Entry{channel});
  }
  {
    const std::lock_guard lock(mutex_);
    if (closed_by_ != nullptr) return *closed_by_;
    ERNIE_TRY_VOID(check_room(arriving.size(), num_tokens));
    num_tokens_ += num_tokens;
    while (!arriving.empty()) {
      auto node = arriving.extract(arriving.begin());
      node.key() = ++last_id_;
      node.mapped().channel->set_id(last_id_);
      unfinished_.insert(unfinished_.end(), std::move(node));
    }
  }
  has_work_.notify_one();
  return {};
}

Result<void> RequestQueue::check_room(size_t num_requests, int64_t num_tokens) const {
  if (unfinished_.size() + num_requests > capacity_) {
    return make_error(ErrorCode::kQueueFull,
                      "{} requests are unfinished and {} more came, expected at most {}",
                      unfinished_.size(), num_requests, capacity_);
  }
  if (num_tokens > max_tokens_ - num_tokens_) {
    return make_error(ErrorCode::kQueueFull,
                      "prompts of {} tokens are unfinished and {} more came, expected at most {}",
                      num_tokens_, num_tokens, max_tokens_);
  }
  return {};
}

void RequestQueue::cancel(RequestId id) noexcept {
  {
    const std::lock_guard lock(mutex_);
    const auto found = unfinished_.find(id);
    if (found == unfinished_.end() || found->second.state != Entry::kWanted) return;
    found->second.state = Entry::kCancelled;
    has_cancelled_ = true;
  }
  has_work_.notify_one();
}

void RequestQueue::close(std::shared_ptr<const Error> why) noexcept {
  const std::lock_guard lock(mutex_);
  if (closed_by_ == nullptr) closed_by_ = std::move(why);
}

bool RequestQueue::wait_until_empty(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  return has_emptied_.wait_for(lock, timeout, [this] { return unfinished_.empty(); });
}

size_t RequestQueue::num_unfinished() const {
  const std::lock_guard lock(mutex_);
  return unfinished_.size();
}

std::optional<RequestQueue::Work> RequestQueue::wait(bool is_busy) {
  std::unique_lock lock(mutex_);
  const auto has_work = [this] { return is_stopped_ || has_cancelled_ || last_taken_ != last_id_; };
  if (!is_busy) has_work_.wait(lock, has_work);
  if (is_stopped_) return std::nullopt;
  Work work;
  for (auto it = unfinished_.upper_bound(last_taken_); it != unfinished_.end(); ++it) {
    work.arrived.push_back(it->second.channel);
  }
  last_taken_ = last_id_;
  if (!has_cancelled_) return work;
  for (auto& [id, entry] : unfinished_) {
    if (entry.state != Entry::kCancelled) continue;
    entry.state = Entry::kCancelTaken;
    work.cancelled.push_back(entry.channel);
  }
  has_cancelled_ = false;
  return work;
}

void RequestQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }
  has_work_.notify_one();
}

void RequestQueue::remove(std::span<const RequestId> ended) noexcept {
  const std::lock_guard lock(mutex_);
  for (const RequestId id : ended) {
    const auto found = unfinished_.find(id);
    if (found == unfinished_.end()) continue;
    num_tokens_ -= found->second.channel->num_prompt_tokens();
    unfinished_.erase(found);
  }
  if (unfinished_.empty()) has_emptied_.notify_all();
}

std::map<RequestId, RequestQueue::Entry> RequestQueue::take_all() noexcept {
  const std::lock_guard lock(mutex_);
  has_emptied_.notify_all();
  num_tokens_ = 0;
  return std::exchange(unfinished_, {});
}

}  // namespace ernie
