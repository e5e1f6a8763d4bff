#include "fake_engine.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <string>
#include <thread>

namespace ernie {
namespace {

constexpr std::array<std::string_view, 8> kWords{"über",   " the", " 你", "好",
                                                 " forty", "-two", "é",   "."};
constexpr std::array<std::string_view, 2> kSpecial{"<|begin_of_sentence|>", "<|end_of_sentence|>"};
constexpr TokenId kEos = 2, kFirstByte = 3;
constexpr TokenId kFirstWord = kFirstByte + 256;
constexpr TokenId kFirstSpecial = kFirstWord + static_cast<TokenId>(kWords.size());
constexpr TokenId kVocabSize = kFirstSpecial + static_cast<TokenId>(kSpecial.size());

class FakeTokenizer : public Tokenizer {
 public:
  FakeTokenizer() {
    for (int i = 0; i < 256; ++i) bytes_[static_cast<size_t>(i)] = static_cast<char>(i);
  }
  std::vector<TokenId> encode(std::string_view text, SpecialTokens special) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      size_t length = 1;
      TokenId id = kFirstByte + static_cast<unsigned char>(text[0]);
      for (size_t i = 0; i < kSpecial.size() && special == SpecialTokens::kParse; ++i) {
        if (!text.starts_with(kSpecial[i])) continue;
        id = kFirstSpecial + static_cast<TokenId>(i);
        length = kSpecial[i].size();
      }
      ids.push_back(id);
      text.remove_prefix(length);
    }
    return ids;
  }
  std::string_view token_bytes(TokenId id) const override {
    if (id < kFirstByte || id >= kVocabSize) return id >= 0 && id < kFirstByte ? "<s>" : "";
    if (id < kFirstWord) return {&bytes_[static_cast<size_t>(id - kFirstByte)], 1};
    if (id < kFirstSpecial) return kWords[static_cast<size_t>(id - kFirstWord)];
    return kSpecial[static_cast<size_t>(id - kFirstSpecial)];
  }
  bool is_special(TokenId id) const override { return id < kFirstByte || id >= kFirstSpecial; }
  int64_t vocab_size() const override { return kVocabSize; }
  TokenId bos_id() const override { return 1; }
  TokenId eos_id() const override { return kEos; }
  std::optional<TokenId> special_id(std::string_view token) const override {
    const auto found = std::find(kSpecial.begin(), kSpecial.end(), token);
    if (found == kSpecial.end()) return std::nullopt;
    return kFirstSpecial + static_cast<TokenId>(found - kSpecial.begin());
  }

 private:
  std::array<char, 256> bytes_;
};

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

struct Running {
  RequestId id = 0;
  GenerationRequest request;
  uint64_t hash = 0;
  int32_t num_output = 0;
  std::string text;
  size_t num_sent = 0;
  bool aborted = false;
};

class FakeEngine : public Engine {
 public:
  FakeEngine(const EngineOptions& options, int64_t step_us)
      : options_(options), step_us_(step_us), tokenizer_(make_fake_tokenizer()) {
    if (options_.max_model_len == 0) options_.max_model_len = 2048;
    config_.vocab_size = kVocabSize;
  }
  const ModelConfig& config() const override { return config_; }
  const EngineOptions& options() const override { return options_; }
  const Backend& backend() const override {
    ERNIE_CHECK(false, "the fake engine has no backend");
    std::abort();
  }

  EngineLimits limits() const override { return {kVocabSize, options_.max_model_len, true}; }
  EngineCounters counters() const override { return {}; }

  Result<RequestId> add_request(GenerationRequest request) override {
    ERNIE_TRY_VOID(check_request(request, limits()));
    Running running;
    running.hash = request.params.temperature == 0 ? 7 : mix(7, request.params.seed);
    for (const TokenId id : request.prompt_ids) {
      running.hash = mix(running.hash, static_cast<uint64_t>(id));
    }
    running.id = ++last_id_;
    running.request = std::move(request);
    queue_.push_back(std::move(running));
    return last_id_;
  }

  void abort(RequestId request_id) override {
    for (Running& running : queue_) running.aborted |= running.id == request_id;
  }
  bool has_unfinished() const override { return !queue_.empty(); }

  Result<void> health() const override { return {}; }
  std::vector<RequestOutput> step() override {
    std::this_thread::sleep_for(std::chrono::microseconds(step_us_));
    std::vector<RequestOutput> outputs;
    const auto count = std::min(queue_.size(), static_cast<size_t>(options_.max_num_seqs));
    for (size_t i = 0; i < count; ++i) outputs.push_back(advance(queue_[i]));
    std::erase_if(queue_, [&](const Running& running) {
      return std::any_of(outputs.begin(), outputs.end(), [&](const RequestOutput& output) {
        return output.request_id == running.id && output.finish_reason;
      });
    });
    return outputs;
  }

 private:
  RequestOutput advance(Running& running) {
    RequestOutput output;
    output.request_id = running.id;
    if (running.aborted) return finish(running, std::move(output), FinishReason::kAbort);
    const SamplingParams& params = running.request.params;
    if (running.num_output == 0 && params.prompt_logprobs) add_prompt_logprobs(running, output);
    if (running.num_output >= params.max_tokens) {
      return finish(running, std::move(output), FinishReason::kLength);
    }
    const TokenId token = next_token(running);
    if (running.request.on_token) running.request.on_token(token, logits_of(running));
    ++running.num_output;
    output.token_ids.push_back(token);
    if (params.logprobs) output.logprobs.push_back(logprob_of(running, token, *params.logprobs));
    if (token == kEos) return finish(running, std::move(output), FinishReason::kStop);
    running.text += tokenizer_->token_bytes(token);
    for (const std::string& stop : params.stop) {
      const size_t at = running.text.find(stop);
      if (at == std::string::npos) continue;
      running.text.resize(at);
      output.stop_reason = stop;
      return finish(running, std::move(output), FinishReason::kStop);
    }
    const auto length =
        static_cast<int64_t>(running.request.prompt_ids.size()) + running.num_output;
    if (running.num_output >= params.max_tokens || length >= options_.max_model_len) {
      return finish(running, std::move(output), FinishReason::kLength);
    }
    if (params.stop.empty()) send_text(running, output);
    return output;
  }

  static TokenId next_token(const Running& running) {
    const uint64_t draw = mix(running.hash, static_cast<uint64_t>(running.num_output) + 1) >> 8;
    const SamplingParams& params = running.request.params;
    const bool may_end = !params.ignore_eos && running.num_output >= params.min_tokens;
    if (may_end && draw % 32 == 0) return kEos;
    const uint64_t choice = draw / 32 % 40;
    if (choice < kWords.size()) return kFirstWord + static_cast<TokenId>(choice);
    return kFirstByte + 'a' + static_cast<TokenId>(choice % 26);
  }

  static std::array<float, kVocabSize> logits_of(const Running& running) {
    std::array<float, kVocabSize> logits;
    for (size_t i = 0; i < logits.size(); ++i) {
      const uint64_t hash = mix(mix(running.hash, static_cast<uint64_t>(running.num_output)), i);
      logits[i] = static_cast<float>(hash % 4096) / 64;
    }
    return logits;
  }

  static TokenLogprob logprob_of(const Running& running, TokenId token, int32_t num_top) {
    TokenLogprob logprob;
    logprob.token_id = token;
    logprob.logprob = -0.1f * static_cast<float>(running.num_output + 1);
    logprob.rank = 1;
    for (int32_t i = 0; i < num_top; ++i) {
      logprob.top.push_back({(token + i) % kVocabSize, logprob.logprob - static_cast<float>(i)});
    }
    return logprob;
  }

  static void add_prompt_logprobs(const Running& running, RequestOutput& output) {
    const auto& ids = running.request.prompt_ids;
    for (size_t i = 1; i < ids.size(); ++i) {
      output.prompt_logprobs.push_back(
          logprob_of(running, ids[i], *running.request.params.prompt_logprobs));
    }
  }

  static void send_text(Running& running, RequestOutput& output) {
    output.text = running.text.substr(running.num_sent);
    running.num_sent = running.text.size();
  }

  static RequestOutput finish(Running& running, RequestOutput output, FinishReason reason) {
    send_text(running, output);
    output.finish_reason = reason;
    output.num_prompt_tokens = static_cast<int64_t>(running.request.prompt_ids.size());
    output.num_output_tokens = running.num_output;
    // No times: a loop would add those in its queue, and outputs are compared.
    return output;
  }

  EngineOptions options_;
  int64_t step_us_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ModelConfig config_;
  RequestId last_id_ = 0;
  std::deque<Running> queue_;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_fake_tokenizer() { return std::make_shared<FakeTokenizer>(); }

std::unique_ptr<Engine> make_fake_engine(const EngineOptions& options, int64_t step_us) {
  return std::make_unique<FakeEngine>(options, step_us);
}

}  // namespace ernie
