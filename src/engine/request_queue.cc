#include "engine/request_queue.h"

#include <algorithm>

namespace ernie {
namespace {

/// What a client may add where there is `sum` of all and `own` of it is its own: afterwards it has
/// at most as much as is left of twice the capacity.
int64_t room_left(int64_t capacity, int64_t sum, int64_t own) {
  // Halved before they are added: a capacity may be the largest number.
  const int64_t of_all = capacity - sum, its = capacity - own;
  return std::max<int64_t>(of_all / 2 + its / 2 + its % 2, 0);
}

}  // namespace

Result<void> RequestQueue::push(const std::vector<ChannelPtr>& channels) {
  // The nodes are made before anything is changed: then nothing can fail any more.
  std::map<RequestId, Entry> arriving;
  Loads loads;
  for (const ChannelPtr& channel : channels) {
    add_to(loads[channel->client_id()], *channel);
    arriving.emplace_hint(arriving.end(), arriving.size(), Entry{channel});
  }
  {
    const std::lock_guard lock(mutex_);
    if (closed_by_ != nullptr) return *closed_by_;
    ERNIE_TRY_VOID(check_room(loads));
    for (const auto& [client_id, load] : loads) loads_.try_emplace(client_id);
    while (!arriving.empty()) {
      auto node = arriving.extract(arriving.begin());
      node.key() = ++last_id_;
      RequestChannel& channel = *node.mapped().channel;
      channel.set_id(last_id_);
      add_to(load_, channel);
      add_to(loads_.find(channel.client_id())->second, channel);
      unfinished_.insert(unfinished_.end(), std::move(node));
    }
  }
  has_work_.notify_one();
  return {};
}

void RequestQueue::add_to(Load& load, const RequestChannel& channel) {
  ++load.num_requests;
  load.num_tokens += channel.num_prompt_tokens();
}

Result<void> RequestQueue::check_room(const Loads& arriving) const {
  Load sum = load_;
  for (const auto& [client_id, load] : arriving) {
    const auto found = loads_.find(client_id);
    const Load own = found == loads_.end() ? Load{} : found->second;
    const int64_t num_left = room_left(capacity_.num_requests, sum.num_requests, own.num_requests);
    if (load.num_requests > num_left) {
      return make_error(ErrorCode::kQueueFull,
                        "{} requests are unfinished and {} more came, expected at most {}",
                        sum.num_requests, load.num_requests, sum.num_requests + num_left);
    }
    const int64_t tokens_left = room_left(capacity_.num_tokens, sum.num_tokens, own.num_tokens);
    if (load.num_tokens > tokens_left) {
      return make_error(ErrorCode::kQueueFull,
                        "prompts of {} tokens are unfinished and {} more came, expected at most {}",
                        sum.num_tokens, load.num_tokens, sum.num_tokens + tokens_left);
    }
    sum.num_requests += load.num_requests;
    sum.num_tokens += load.num_tokens;
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
    subtract(*found->second.channel);
    unfinished_.erase(found);
  }
  if (unfinished_.empty()) has_emptied_.notify_all();
}

void RequestQueue::subtract(const RequestChannel& channel) noexcept {
  const auto own = loads_.find(channel.client_id());
  for (Load* load : {&load_, &own->second}) {
    --load->num_requests;
    load->num_tokens -= channel.num_prompt_tokens();
  }
  if (own->second.num_requests == 0) loads_.erase(own);
}

std::map<RequestId, RequestQueue::Entry> RequestQueue::take_all() noexcept {
  const std::lock_guard lock(mutex_);
  has_emptied_.notify_all();
  load_ = {};
  loads_.clear();
  return std::exchange(unfinished_, {});
}

}  // namespace ernie
