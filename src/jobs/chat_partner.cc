#include "jobs/chat_partner.h"

#include <boost/json/array.hpp>
#include <chrono>

#include "engine/engine_loop.h"
#include "engine/user_prompt.h"

namespace ernie {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class LocalPartner final : public ChatPartner {
 public:
  LocalPartner(std::string name, SamplingParams params, std::shared_ptr<const Tokenizer> tokenizer,
               ChatTemplateKind kind, std::unique_ptr<EngineLoop> loop)
      : name_(std::move(name)),
        params_(std::move(params)),
        tokenizer_(std::move(tokenizer)),
        kind_(kind),
        loop_(std::move(loop)) {}

  std::string name() const override { return name_; }

  Result<ChatReply> answer(const std::vector<ChatMessage>& messages, const Interrupt& interrupt,
                           const OnText& on_text) override {
    SamplingParams params = params_;
    params.seed += messages.size();
    ERNIE_TRY(GenerationRequest request,
              to_generation_request(messages, std::move(params), tokenizer_.get(), kind_));
    ERNIE_TRY(TokenStream stream, loop_->submit(std::move(request)));
    ChatReply reply;
    bool is_wanted = true;
    while (!stream.ended()) {
      const auto news = stream.next_for(kInterruptPoll);
      if ((interrupt.raised() || !is_wanted) && !reply.was_stopped) {
        reply.was_stopped = true;
        stream.cancel();
      }
      if (!news) continue;
      if (news->finish_reason == FinishReason::kError) {
        return make_error(ErrorCode::kInternal, "{}", news->error);
      }
      reply.text += news->text;
      if (!news->text.empty() && is_wanted) is_wanted = on_text(news->text, false);
      if (!news->finish_reason) continue;
      reply.num_output_tokens = news->num_output_tokens;
      reply.first_token_s = news->timings.first_token_s;
      reply.total_s = news->timings.total_s;
    }
    return reply;
  }

 private:
  const std::string name_;
  const SamplingParams params_;
  const std::shared_ptr<const Tokenizer> tokenizer_;
  const ChatTemplateKind kind_;
  const std::unique_ptr<EngineLoop> loop_;
};

class RemotePartner final : public ChatPartner {
 public:
  RemotePartner(ServerAddress server, std::string model, json::object fields)
      : client_(std::move(server)), model_(std::move(model)), fields_(std::move(fields)) {}

  Result<void> find_model() {
    if (!model_.empty()) return {};
    ERNIE_TRY(const ServedModel served, first_model(client_));
    model_ = served.id;
    return {};
  }
  std::string name() const override { return model_; }

  Result<ChatReply> answer(const std::vector<ChatMessage>& messages, const Interrupt& interrupt,
                           const OnText& on_text) override {
    const auto start = Clock::now();
    ChatReply reply;
    const auto take = [&](const json::object& chunk) {
      read_usage(chunk, reply);
      std::string_view reasoning = delta_text(chunk, "reasoning");
      if (reasoning.empty()) reasoning = delta_text(chunk, "reasoning_content");  // or under both
      const std::string_view content = delta_text(chunk, "content");
      if (reasoning.empty() && content.empty()) return true;
      if (reply.first_token_s == 0) reply.first_token_s = seconds_since(start);
      reply.text += content;
      if (!reasoning.empty() && !on_text(reasoning, true)) return false;
      return content.empty() || on_text(content, false);
    };
    client_.set_stop([&] { return interrupt.raised(); }, kInterruptPoll);
    const auto done = stream(client_, "/v1/chat/completions", body(messages), take);
    client_.set_stop({}, kInterruptPoll);
    reply.total_s = seconds_since(start);
    reply.was_stopped = !done && done.error().code == ErrorCode::kCancelled;
    if (!done && !reply.was_stopped) return done.error();
    return reply;
  }

 private:
  json::object body(const std::vector<ChatMessage>& messages) const {
    json::array list;
    for (const ChatMessage& message : messages) {
      list.push_back(json::object{{"role", message.role}, {"content", message.content}});
    }
    json::object body = fields_;
    const json::value* seed = body.if_contains("seed");
    if (seed != nullptr) body["seed"] = seed->to_number<uint64_t>() + messages.size();
    body["model"] = model_;
    body["messages"] = std::move(list);
    body["stream"] = true;
    body["stream_options"] = json::object{{"include_usage", true}};
    return body;
  }

  static std::string_view delta_text(const json::object& chunk, const char* name) {
    const json::value* choices = chunk.if_contains("choices");
    if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return {};
    const json::object* choice = choices->get_array().front().if_object();
    const json::value* delta = choice == nullptr ? nullptr : choice->if_contains("delta");
    const json::object* object = delta == nullptr ? nullptr : delta->if_object();
    const json::value* content = object == nullptr ? nullptr : object->if_contains(name);
    if (content == nullptr || !content->is_string()) return {};
    return {content->get_string().data(), content->get_string().size()};
  }

  static void read_usage(const json::object& chunk, ChatReply& reply) {
    const json::value* usage = chunk.if_contains("usage");
    const json::object* object = usage == nullptr ? nullptr : usage->if_object();
    const json::value* count =
        object == nullptr ? nullptr : object->if_contains("completion_tokens");
    if (count != nullptr && count->is_int64()) reply.num_output_tokens = count->get_int64();
  }

  HttpClient client_;
  std::string model_;
  const json::object fields_;
};

}  // namespace

Result<std::unique_ptr<ChatPartner>> make_local_partner(LoadedEngine loaded,
                                                        SamplingParams params) {
  if (loaded.tokenizer == nullptr) {
    return make_error(ErrorCode::kUnsupported, "the model has no tokenizer to chat with");
  }
  ERNIE_TRY(auto loop, EngineLoop::create(std::move(loaded.engine)));
  return std::unique_ptr<ChatPartner>(std::make_unique<LocalPartner>(
      std::move(loaded.model_name), std::move(params), std::move(loaded.tokenizer),
      loaded.chat_template, std::move(loop)));
}

Result<std::unique_ptr<ChatPartner>> make_remote_partner(ServerAddress server, std::string model,
                                                         json::object fields) {
  auto partner =
      std::make_unique<RemotePartner>(std::move(server), std::move(model), std::move(fields));
  ERNIE_TRY_VOID(partner->find_model());
  return std::unique_ptr<ChatPartner>(std::move(partner));
}

}  // namespace ernie
