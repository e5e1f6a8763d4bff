#include "receipt/receipt.h"

#include <algorithm>

#include "receipt/byte_writer.h"
#include "receipt/hash_chain.h"

namespace ernie {
namespace {

constexpr std::string_view kGenesis = "ernie receipt 1";
constexpr size_t kMarkBytes = 4;
constexpr size_t kMarkDigits = 2 * kMarkBytes;

struct Item {
  std::string name;
  std::string payload;
};

/// A parameter's value in canonical bytes.
class FieldEncoder {
 public:
  template <typename Number>
  static std::string encode(Number value) {
    return ByteWriter().add(value).bytes();
  }
  static std::string encode(const std::optional<int32_t>& value) {
    return value ? encode(*value) : std::string();
  }
  static std::string encode(const std::vector<int32_t>& values) {
    ByteWriter writer;
    for (const int32_t value : values) writer.add(value);
    return writer.bytes();
  }
  static std::string encode(const std::vector<std::pair<int32_t, float>>& values) {
    ByteWriter writer;
    for (const auto& [id, bias] : values) writer.add(id).add(bias);
    return writer.bytes();
  }
  static std::string encode(const std::vector<std::string>& texts) {
    ByteWriter writer;
    for (const std::string& text : texts) writer.add_text(text);
    return writer.bytes();
  }
};

std::string encode_id(const std::variant<std::string, int64_t>& id) {
  if (const auto* text = std::get_if<std::string>(&id)) return "s" + *text;
  return "i" + FieldEncoder::encode(std::get<int64_t>(id));
}

std::string encode_digest(const Digest& digest) { return ByteWriter().add(digest).bytes(); }

std::vector<Item> param_items(const ReceiptParams& params) {
  std::vector<Item> items;
  for_each_field(params, [&](const char* name, const auto& value) {
    items.push_back({name, FieldEncoder::encode(value)});
  });
  return items;
}

std::vector<Item> items_before_tokens(const Receipt& receipt) {
  std::vector<Item> items{{"id", encode_id(receipt.id)},
                          {"row", FieldEncoder::encode(receipt.row)},
                          {"num_rows", FieldEncoder::encode(receipt.num_rows)},
                          {"model", encode_digest(receipt.model)},
                          {"tokenizer", receipt.tokenizer ? encode_digest(*receipt.tokenizer) : ""},
                          {"numerics", receipt.numerics}};
  for (Item& item : param_items(receipt.params)) items.push_back(std::move(item));
  items.push_back({"prompt_ids", FieldEncoder::encode(receipt.prompt_ids)});
  return items;
}

std::string mark_of(const HashChain& chain) {
  return to_hex(std::span(chain.link()).first(kMarkBytes));
}

Digest add_answer(const Receipt& receipt, HashChain& chain) {
  for (const TokenRecord& token : receipt.tokens) {
    ByteWriter payload;
    payload.add(token.token_id).add(token.logit_bits).add(token.row_digest);
    chain.add("token", payload.bytes());
  }
  chain.add("finish_reason", receipt.finish_reason);
  chain.add("stop_reason", receipt.stop_reason);
  chain.add("text", encode_digest(receipt.text));
  return chain.link();
}

}  // namespace

TokenRecord make_token_record(TokenId token_id, std::span<const float> logits) {
  static_assert(std::endian::native == std::endian::little, "rows are digested as they lie");
  TokenRecord record;
  record.token_id = token_id;
  record.logit_bits = std::bit_cast<uint32_t>(logits[static_cast<size_t>(token_id)]);
  const Digest row = sha256(std::as_bytes(logits));
  std::copy_n(row.begin(), record.row_digest.size(), record.row_digest.begin());
  return record;
}

void seal(Receipt& receipt) {
  HashChain chain(kGenesis);
  receipt.marks.clear();
  for (const Item& item : items_before_tokens(receipt)) {
    chain.add(item.name, item.payload);
    receipt.marks += mark_of(chain);
  }
  receipt.head = add_answer(receipt, chain);
}

std::optional<std::string> broken_item(const Receipt& receipt) {
  HashChain chain(kGenesis);
  size_t at = 0;
  for (const Item& item : items_before_tokens(receipt)) {
    chain.add(item.name, item.payload);
    if (receipt.marks.compare(at, kMarkDigits, mark_of(chain)) != 0) return item.name;
    at += kMarkDigits;
  }
  if (receipt.marks.size() != at) return "marks";
  if (receipt.head != add_answer(receipt, chain)) return "head";
  return std::nullopt;
}

std::vector<std::string> differing_fields(const ReceiptParams& a, const ReceiptParams& b) {
  const std::vector<Item> items = param_items(a), others = param_items(b);
  std::vector<std::string> names;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].payload != others[i].payload) names.push_back(items[i].name);
  }
  return names;
}

}  // namespace ernie
