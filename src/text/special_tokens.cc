#include "text/special_tokens.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/utf8.h"
#include "json/parse.h"

namespace ernie {
namespace {

namespace json = boost::json;

Result<json::object> parse_object(const ByteSource& source) {
  if (source.bytes().empty()) return json::object();
  if (source.bytes().size() > kMaxSideFileBytes) {
    return make_error(ErrorCode::kCorruptData, "{}: got {} bytes, expected at most {}",
                      source.name(), source.bytes().size(), kMaxSideFileBytes);
  }
  return parse_json_object(source.text(), source.name());
}

Result<std::string> checked_text(const ByteSource& source, std::string_view key,
                                 std::string_view text) {
  if (text.empty() || text.size() > kMaxSpecialTokenBytes) {
    return make_error(ErrorCode::kCorruptData, "{}: {}: got a token of {} bytes, expected 1 to {}",
                      source.name(), in_quotes(key), text.size(), kMaxSpecialTokenBytes);
  }
  return std::string(text);
}

// A token is spelled as a string, or as an object with its text in "content".
Result<std::string> token_text(const ByteSource& source, std::string_view key,
                               const json::value& value) {
  const json::value* text = &value;
  if (const json::object* object = value.if_object()) text = object->if_contains("content");
  if (text == nullptr || !text->is_string()) {
    return make_error(ErrorCode::kCorruptData, "{}: {}: got a JSON {}, expected a token's text",
                      source.name(), in_quotes(key), json::to_string(value.kind()));
  }
  const json::string& string = text->get_string();
  return checked_text(source, key, {string.data(), string.size()});
}

Result<TokenId> checked_id(const ByteSource& source, std::string_view text,
                           std::optional<int64_t> id) {
  if (!id || *id < 0 || *id >= kMaxTokenId) {
    return make_error(ErrorCode::kCorruptData, "{}: token {}: got id {}, expected 0 to {}",
                      source.name(), in_quotes(text), id ? std::to_string(*id) : "no integer",
                      kMaxTokenId - 1);
  }
  return static_cast<TokenId>(*id);
}

std::optional<int64_t> integer(const json::value& value) {
  boost::system::error_code code;
  const auto number = value.to_number<int64_t>(code);
  return code || value.is_double() ? std::nullopt : std::optional(number);
}

std::optional<int64_t> integer(std::string_view digits) {
  int64_t number = 0;
  const auto end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, number);
  return result.ec != std::errc() || result.ptr != end ? std::nullopt : std::optional(number);
}

// `*_token` and additional_special_tokens, of either file.
Result<void> take_roles(const ByteSource& source, const json::object& object,
                        SpecialTokenFiles& out) {
  for (const auto& [key, value] : object) {
    if (value.is_null() || value.is_bool()) continue;
    const std::string_view name(key.data(), key.size());
    if (name == "additional_special_tokens") {
      if (!value.is_array()) {
        return make_error(ErrorCode::kCorruptData, "{}: {}: got a JSON {}, expected an array",
                          source.name(), name, json::to_string(value.kind()));
      }
      for (const json::value& entry : value.get_array()) {
        ERNIE_TRY(std::string text, token_text(source, name, entry));
        out.special_texts.push_back(std::move(text));
      }
    } else if (name.ends_with("_token")) {
      ERNIE_TRY(std::string text, token_text(source, name, value));
      if (name == "bos_token") out.bos_text = text;
      if (name == "eos_token") out.eos_text = text;
      out.special_texts.push_back(std::move(text));
    }
  }
  return {};
}

Result<void> take_added_tokens(const ByteSource& source, const json::object& object,
                               SpecialTokenFiles& out) {
  for (const auto& [key, value] : object) {
    const std::string_view name(key.data(), key.size());
    ERNIE_TRY(std::string text, checked_text(source, name, name));
    ERNIE_TRY(const TokenId id, checked_id(source, name, integer(value)));
    out.added.push_back({std::move(text), id, false});
  }
  return {};
}

Result<void> take_decoder(const ByteSource& source, const json::object& config,
                          SpecialTokenFiles& out) {
  const json::value* decoder = config.if_contains("added_tokens_decoder");
  if (decoder == nullptr || decoder->is_null()) return {};
  if (!decoder->is_object()) {
    return make_error(ErrorCode::kCorruptData,
                      "{}: added_tokens_decoder: got a JSON {}, expected an object", source.name(),
                      json::to_string(decoder->kind()));
  }
  for (const auto& [key, value] : decoder->get_object()) {
    const std::string_view digits(key.data(), key.size());
    ERNIE_TRY(std::string text, token_text(source, digits, value));
    ERNIE_TRY(const TokenId id, checked_id(source, text, integer(digits)));
    const json::value* special =
        value.is_object() ? value.get_object().if_contains("special") : nullptr;
    const bool is_special = special != nullptr && special->is_bool() && special->get_bool();
    out.added.push_back({std::move(text), id, is_special});
  }
  return {};
}

}  // namespace

Result<SpecialTokenFiles> read_special_tokens(const Tokenizer::Files& files) {
  ERNIE_TRY(const json::object added, parse_object(files.added_tokens));
  ERNIE_TRY(const json::object map, parse_object(files.special_tokens_map));
  ERNIE_TRY(const json::object config, parse_object(files.tokenizer_config));
  SpecialTokenFiles out;
  ERNIE_TRY_VOID(take_added_tokens(files.added_tokens, added, out));
  ERNIE_TRY_VOID(take_decoder(files.tokenizer_config, config, out));
  // The later one decides about bos and eos.
  ERNIE_TRY_VOID(take_roles(files.special_tokens_map, map, out));
  ERNIE_TRY_VOID(take_roles(files.tokenizer_config, config, out));
  return out;
}

}  // namespace ernie
