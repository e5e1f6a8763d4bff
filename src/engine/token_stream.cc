#include "engine/token_stream.h"

#include "engine/request_channel.h"
#include "engine/request_queue.h"

namespace ernie {

TokenStream::TokenStream(std::shared_ptr<RequestQueue> queue,
                         std::shared_ptr<RequestChannel> channel)
    : queue_(std::move(queue)), channel_(std::move(channel)) {}

TokenStream& TokenStream::operator=(TokenStream&& other) noexcept {
  if (this == &other) return *this;
  drop();
  queue_ = std::move(other.queue_);
  channel_ = std::move(other.channel_);
  return *this;
}

TokenStream::~TokenStream() { drop(); }

void TokenStream::drop() {
  if (channel_ == nullptr) return;
  channel_->close();
  queue_->cancel(channel_->id());
  channel_.reset();
}

RequestId TokenStream::id() const { return channel_->id(); }

std::optional<RequestOutput> TokenStream::next() { return channel_->take(std::nullopt); }

std::optional<RequestOutput> TokenStream::next_for(std::chrono::nanoseconds timeout) {
  return channel_->take(timeout);
}

void TokenStream::wait_for_end(std::chrono::nanoseconds timeout) {
  channel_->wait_for_end(timeout);
}

bool TokenStream::ended() const { return channel_->ended(); }

void TokenStream::cancel() { queue_->cancel(channel_->id()); }

}  // namespace ernie
