#include <boost/json/array.hpp>

#include "api/openai_json.h"
#include "server/answer_parts.h"
#include "server/bodies.h"
#include "server/replies.h"
#include "server/small_routes.h"
#include "server/submission.h"

namespace ernie {
namespace {

namespace json = boost::json;

Error no_tokenizer() {
  return make_error(ErrorCode::kUnsupported, "the model was loaded without a tokenizer");
}

/// The conversation of a body as the model reads it.
Result<std::vector<TokenId>> chat_ids(Service& service, const json::object& body) {
  ServiceOptions options = service.options();
  ERNIE_TRY(const ServerRequest request, parse_server_chat(body, options.sampling, options.limits));
  ERNIE_TRY_VOID(service.check_model(request.model));
  ERNIE_TRY(const Prompt prompt, render_chat(service, request));
  return prompt.encode(*service.tokenizer());
}

/// vLLM's `prompt`, a conversation, or llama-server's `content`.
Result<std::vector<TokenId>> ids_of_body(Service& service, const json::object& body) {
  if (body.contains("messages")) return chat_ids(service, body);
  JsonFields fields(body);
  std::string model, prompt, content;
  fields.read("model", model);
  fields.read("prompt", prompt);
  fields.read("content", content);
  const bool is_llama = fields.find("content") != nullptr && fields.find("prompt") == nullptr;
  if (!is_llama && fields.find("prompt") == nullptr) {
    fields.fail("prompt", "expected a text, or `messages`, or `content`");
  }
  bool add_special = true, parse_special = true;
  fields.read("add_special_tokens", add_special);  // nothing is added by this tokenizer
  fields.read("add_special", add_special);
  fields.read("parse_special", parse_special);
  ERNIE_TRY_VOID(fields.finish_ignoring_others());
  ERNIE_TRY_VOID(service.check_model(model));
  return service.tokenizer()->encode(
      is_llama ? content : prompt, parse_special ? SpecialTokens::kParse : SpecialTokens::kAsText);
}

json::value piece_json(std::string_view bytes, const std::string& text) {
  if (bytes == text) return json::value(text);
  json::array list;
  for (const char byte : bytes) list.emplace_back(static_cast<unsigned char>(byte));
  return list;
}

}  // namespace

Reply handle_tokenize(Service& service, Exchange& exchange) {
  if (service.tokenizer() == nullptr) return error_reply(no_tokenizer());
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  const auto ids = ids_of_body(service, *body);
  if (!ids) return error_reply(ids.error());
  JsonFields fields(*body);
  bool with_strings = false, with_pieces = false;
  fields.read("return_token_strs", with_strings);
  fields.read("with_pieces", with_pieces);
  if (const auto read = fields.finish_ignoring_others(); !read) return error_reply(read.error());
  const TokenTexts texts{service.tokenizer()};
  json::array tokens, strings;
  for (const TokenId id : *ids) {
    const std::string text = texts.text(id);
    if (with_pieces) {
      tokens.push_back(json::object{{"id", id}, {"piece", piece_json(texts.bytes(id), text)}});
    } else {
      tokens.emplace_back(id);
    }
    if (with_strings) strings.emplace_back(text);
  }
  return json_reply(json::object{
      {"count", ids->size()},
      {"max_model_len", service.loop().limits().max_model_len},
      {"tokens", std::move(tokens)},
      {"token_strs", with_strings ? json::value(std::move(strings)) : json::value(nullptr)}});
}

Reply handle_detokenize(Service& service, Exchange& exchange) {
  if (service.tokenizer() == nullptr) return error_reply(no_tokenizer());
  const auto body = parse_body(exchange);
  if (!body) return error_reply(body.error());
  JsonFields fields(*body);
  std::string model;
  fields.read("model", model);
  const json::value* tokens = fields.find("tokens");
  if (tokens == nullptr || !tokens->is_array())
    fields.fail("tokens", "expected a list of token ids");
  if (const auto read = fields.finish_ignoring_others(); !read) return error_reply(read.error());
  if (const auto known = service.check_model(model); !known) return error_reply(known.error());
  std::vector<TokenId> ids;
  const int64_t vocab_size = service.loop().limits().vocab_size;
  for (const json::value& element : tokens->get_array()) {
    const int64_t* id = element.if_int64();
    if (id == nullptr || *id < 0 || *id >= vocab_size) {
      return error_reply(field_error(ErrorCode::kInvalidArgument, "tokens",
                                     "got {}, expected token ids from 0 to {}", brief(element),
                                     vocab_size - 1));
    }
    ids.push_back(static_cast<TokenId>(*id));
  }
  const std::string text = service.tokenizer()->decode(ids, /*keep_special=*/true);
  return json_reply(json::object{{"prompt", text}, {"content", text}});
}

std::string jinja_chat_template(const Service& service) {
  if (service.chat_template() != ChatTemplateKind::kErnie45) return "";
  return "{{ '<|begin_of_sentence|>' }}{% for m in messages %}"
         "{% if m.role == 'user' %}{{ 'User: ' + m.content + '\\n' }}"
         "{% elif m.role == 'assistant' %}{{ 'Assistant: ' + m.content + '<|end_of_sentence|>' }}"
         "{% elif m.role == 'system' %}{{ m.content + '\\n' }}{% endif %}{% endfor %}"
         "{% if add_generation_prompt is not defined or add_generation_prompt %}"
         "{{ 'Assistant: ' }}{% endif %}";
}

Reply handle_tokenizer_info(Service& service, Exchange&) {
  if (!service.is_loaded()) return error_reply(503, service.ready().error());
  const Tokenizer* tokenizer = service.tokenizer();
  if (tokenizer == nullptr) return error_reply(no_tokenizer());
  const auto text_of = [&](TokenId id) -> json::value {
    if (id < 0) return nullptr;
    return json::value(std::string(tokenizer->token_bytes(id)));
  };
  const std::string jinja = jinja_chat_template(service);
  return json_reply(
      json::object{{"tokenizer_class", "LlamaTokenizer"},
                   {"bos_token", text_of(tokenizer->bos_id())},
                   {"eos_token", text_of(tokenizer->eos_id())},
                   {"pad_token", text_of(tokenizer->special_id("<unk>").value_or(-1))},
                   {"add_bos_token", false},
                   {"add_eos_token", false},
                   {"vocab_size", tokenizer->vocab_size()},
                   {"model_max_length", service.loop().limits().max_model_len},
                   {"chat_template", jinja.empty() ? json::value(nullptr) : json::value(jinja)}});
}

}  // namespace ernie
