#include "server/structured_output.h"

#include "grammar/grammar_cache.h"
#include "grammar/token_grammar.h"
#include "json/text.h"

namespace ernie {
namespace {

/// Lets reasoning pass, and holds what comes behind it to the grammar.
class AfterReasoning final : public TokenConstraint {
 public:
  AfterReasoning(std::shared_ptr<TokenConstraint> inner, std::shared_ptr<const Tokenizer> tokenizer)
      : inner_(std::move(inner)), tokenizer_(std::move(tokenizer)) {}

  void restrict_to_allowed(std::span<uint64_t> allowed) override {
    if (has_ended_) inner_->restrict_to_allowed(allowed);
  }
  bool can_end() const override { return has_ended_ && inner_->can_end(); }
  bool accept(int32_t token_id) override {
    if (has_ended_) return inner_->accept(token_id);
    tail_ += tokenizer_->token_bytes(token_id);
    has_ended_ = tail_.find(kEnd) != std::string::npos;
    if (tail_.size() > kEnd.size()) tail_.erase(0, tail_.size() - kEnd.size());
    return true;
  }

 private:
  static constexpr std::string_view kEnd = "</think>";
  std::shared_ptr<TokenConstraint> inner_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string tail_;  // of the reasoning
  bool has_ended_ = false;
};

Result<GrammarPtr> compile(const OutputFormat& format) {
  switch (format.kind) {
    case OutputFormat::Kind::kJsonObject:
      return compile_json_object();
    case OutputFormat::Kind::kJsonSchema:
      return compile_json_schema(format.schema);
    case OutputFormat::Kind::kRegex:
      return compile_regex(format.text);
    case OutputFormat::Kind::kChoice:
      return compile_choice(format.choices);
    case OutputFormat::Kind::kGrammar:
      return compile_ebnf(format.text);
    case OutputFormat::Kind::kText:
      break;
  }
  return make_error(ErrorCode::kInternal, "no format");
}

/// What tells one grammar from another.
std::string key_of(const OutputFormat& format) {
  std::string key = fmt::format("{} {}", static_cast<int>(format.kind), format.text);
  if (format.kind == OutputFormat::Kind::kJsonSchema) key += json_text(format.schema);
  for (const std::string& choice : format.choices) {
    key += fmt::format("{} {}", choice.size(), choice);
  }
  return key;
}

Result<GrammarPtr> compile(const ToolRequest& request) {
  std::vector<ToolSchema> tools;
  for (const Tool& tool : request.tools) {
    if (request.choice.kind != ToolChoice::Kind::kNamed) {
      tools.push_back({tool.name, tool.parameters});
    } else if (tool.name == request.choice.name) {
      return compile_json_schema(tool.parameters);
    }
  }
  return compile_tool_calls(tools);
}

std::string key_of(const ToolRequest& request) {
  std::string key = "tools " + request.choice.name;
  for (const Tool& tool : request.tools) key += "\n" + tool.text;
  return key;
}

}  // namespace

struct StructuredOutput::State {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const TokenVocabulary> vocabulary;
  GrammarCache cache;
};

StructuredOutput::StructuredOutput(std::shared_ptr<const Tokenizer> tokenizer, int64_t vocab_size)
    : state_(std::make_unique<State>()) {
  if (tokenizer != nullptr) state_->vocabulary = TokenVocabulary::create(*tokenizer, vocab_size);
  state_->tokenizer = std::move(tokenizer);
}
StructuredOutput::~StructuredOutput() = default;

Result<StructuredOutput::Factory> StructuredOutput::factory(const ServerRequest& request,
                                                            bool thinks) {
  const bool is_forced = request.tools.choice.is_forced();
  if (request.format.kind == OutputFormat::Kind::kText && !is_forced) return Factory();
  const std::string field = is_forced ? "tools" : request.format.field;
  if (state_->vocabulary == nullptr) {
    return field_error(ErrorCode::kUnsupported, field,
                       "got it, expected nothing: the model was loaded without a tokenizer");
  }
  const auto grammar =
      is_forced
          ? state_->cache.get(key_of(request.tools), [&] { return compile(request.tools); })
          : state_->cache.get(key_of(request.format), [&] { return compile(request.format); });
  if (!grammar) return field_error(grammar.error().code, field, "{}", grammar.error().message);
  return Factory([state = state_.get(), grammar = *grammar, thinks] {
    auto constraint = make_constraint(grammar, state->vocabulary);
    if (thinks) constraint = std::make_shared<AfterReasoning>(constraint, state->tokenizer);
    return constraint;
  });
}

}  // namespace ernie
