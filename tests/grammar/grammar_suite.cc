// Judges texts by grammars, for scripts: each line of the input is an object with one of "schema",
// "regex", "ebnf" and "choice", and "texts"; each line of the output has "error", or "admitted",
// one truth value a text. A text is read token by token as the tokenizer divides it, and byte by
// byte.
//   grammar_suite TOKENIZER_DIRECTORY < cases.jsonl

#include <boost/json/value.hpp>
#include <iostream>
#include <string>

#include "grammar/token_grammar.h"
#include "json/parse.h"
#include "json/text.h"

namespace {

using namespace ernie;
namespace json = boost::json;

Result<GrammarPtr> compile(const json::object& task) {
  if (const auto* schema = task.if_contains("schema")) return compile_json_schema(*schema);
  if (const auto* regex = task.if_contains("regex")) return compile_regex(regex->as_string());
  if (const auto* source = task.if_contains("ebnf")) return compile_ebnf(source->as_string());
  std::vector<std::string> choices;
  for (const json::value& choice : task.at("choice").as_array()) {
    choices.emplace_back(choice.as_string());
  }
  return compile_choice(choices);
}

/// Every token must be in the mask when it comes, and be accepted if and only if it is.
bool admits(const GrammarPtr& grammar, const std::shared_ptr<const TokenVocabulary>& vocabulary,
            const std::vector<TokenId>& ids) {
  const auto constraint = make_constraint(grammar, vocabulary);
  std::vector<uint64_t> mask;
  for (const TokenId id : ids) {
    mask.assign(static_cast<size_t>(vocabulary->vocab_size() + 63) / 64, ~uint64_t{0});
    constraint->restrict_to_allowed(mask);
    const bool is_allowed = (mask[static_cast<size_t>(id) / 64] >> id % 64 & 1) != 0;
    if (constraint->accept(id) != is_allowed) {
      std::cerr << "token " << id << ": the mask and accept() disagree\n";
      std::exit(1);
    }
    if (!is_allowed) return false;
  }
  return constraint->can_end();
}

std::vector<TokenId> byte_tokens(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) {
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
      if (tokenizer.is_special(id) || tokenizer.token_bytes(id) != std::string_view(&c, 1))
        continue;
      ids.push_back(id);
      break;
    }
  }
  return ids;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto tokenizer = Tokenizer::load(argv[1]);
  if (!tokenizer) {
    std::cerr << tokenizer.error().message << "\n";
    return 2;
  }
  const auto vocabulary = TokenVocabulary::create(**tokenizer, (*tokenizer)->vocab_size() + 3);
  for (std::string line; std::getline(std::cin, line);) {
    const json::value task = parse_json(line).value();
    const auto grammar = compile(task.as_object());
    json::object answer;
    if (!grammar) {
      answer["error"] = grammar.error().message;
      answer["unsupported"] = grammar.error().code == ErrorCode::kUnsupported;
    } else {
      json::array admitted;
      for (const json::value& value : task.at("texts").as_array()) {
        const std::string_view text = value.as_string();
        const bool by_token =
            admits(*grammar, vocabulary, (*tokenizer)->encode(text, SpecialTokens::kAsText));
        if (by_token != admits(*grammar, vocabulary, byte_tokens(**tokenizer, text))) {
          std::cerr << "tokens and bytes disagree: " << line << "\n";
          return 1;
        }
        admitted.push_back(by_token);
      }
      answer["admitted"] = std::move(admitted);
    }
    std::cout << json_text(answer) << "\n";
  }
  return 0;
}
