#include "api/receipt_json.h"

#include <boost/json/value_from.hpp>
#include <charconv>

#include "api/line_id.h"
#include "json/fields.h"
#include "json/parse.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// "one", 2, [[3, 0.5]]: a parameter's value as JSON.
struct FieldWriter {
  static json::value write(float value) { return shortest_decimal(value); }
  static json::value write(bool value) { return value; }
  static json::value write(int32_t value) { return value; }
  static json::value write(int64_t value) { return value; }
  // As text: readers that keep numbers as doubles would change it.
  static json::value write(uint64_t value) { return json::value(fmt::to_string(value)); }
  static json::value write(const std::optional<int32_t>& value) {
    return value ? json::value(*value) : json::value(nullptr);
  }
  static json::value write(const std::vector<int32_t>& values) { return json::value_from(values); }
  static json::value write(const std::vector<std::string>& texts) {
    return json::value_from(texts);
  }
  static json::value write(const std::vector<std::pair<int32_t, float>>& values) {
    json::array array;
    for (const auto& [id, bias] : values) array.push_back(json::array{id, shortest_decimal(bias)});
    return array;
  }
};

bool to_int32(const json::value& value, int32_t& out) {
  const auto* number = value.if_int64();
  if (number == nullptr || *number < INT32_MIN || *number > INT32_MAX) return false;
  out = static_cast<int32_t>(*number);
  return true;
}

/// Reads members that must be there.
class RequiredFields {
 public:
  RequiredFields(const json::object& object, std::string prefix)
      : fields_(object, std::move(prefix)) {}

  JsonFields& fields() { return fields_; }

  template <typename T>
  void read(std::string_view name, T& out) {
    if (require(name) != nullptr) fields_.read(name, out);
  }
  void read(std::string_view name, uint64_t& out) {
    const std::string text = read_text(name);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size() || fmt::to_string(out) != text) {
      fields_.fail(name, "expected an integer of 64 bits in quotes");
    }
  }
  void read(std::string_view name, std::optional<int32_t>& out) {
    if (fields_.find(name) != nullptr) fields_.read(name, out.emplace());
  }
  void read(std::string_view name, std::vector<std::string>& out) {
    for_each_element(name, "a list of strings", [&](const json::value& element) {
      if (element.is_string()) out.emplace_back(element.get_string());
      return element.is_string();
    });
  }
  void read(std::string_view name, std::vector<int32_t>& out) {
    for_each_element(name, "a list of integers of 32 bits", [&](const json::value& element) {
      return to_int32(element, out.emplace_back());
    });
  }
  void read(std::string_view name, std::vector<std::pair<int32_t, float>>& out) {
    for_each_element(name, "a list of [token id, number]", [&](const json::value& element) {
      const auto* pair = element.if_array();
      if (pair == nullptr || pair->size() != 2 || !to_int32((*pair)[0], out.emplace_back().first)) {
        return false;
      }
      const json::object one{{"bias", (*pair)[1]}};
      JsonFields bias(one);
      bias.read("bias", out.back().second);
      return bias.ok() && bias.find("bias") != nullptr;
    });
  }
  void read(std::string_view name, std::span<std::byte> out) {
    if (!from_hex(read_text(name), out)) {
      fields_.fail(name, fmt::format("expected {} hexadecimal digits", 2 * out.size()));
    }
  }
  template <typename Take>
  void for_each_element(std::string_view name, std::string_view expected, const Take& take) {
    const json::value* value = require(name);
    if (value == nullptr) return;
    if (!value->is_array()) return fields_.fail_type(name, *value, expected);
    for (const auto& element : value->get_array()) {
      if (!take(element)) return fields_.fail_type(name, element, expected);
    }
  }
  const json::value* require(std::string_view name) {
    const json::value* value = fields_.find(name);
    if (value == nullptr) fields_.fail(name, "is not there");
    return value;
  }

 private:
  std::string read_text(std::string_view name) {
    std::string text;
    read(name, text);
    return text;
  }

  JsonFields fields_;
};

void read_id(RequiredFields& fields, LineId& id) {
  const json::value* value = fields.require("id");
  if (value == nullptr) return;
  if (auto read = line_id_from_json(*value)) {
    id = *std::move(read);
  } else {
    fields.fields().fail_type("id", *value, "a string or an integer");
  }
}

void read_tokens(RequiredFields& fields, std::vector<TokenRecord>& tokens) {
  std::vector<int32_t> ids;
  fields.read("token_ids", ids);
  for (const int32_t id : ids) tokens.push_back({id, 0, {}});
  const auto read_hex = [&](const char* name, const char* expected, const auto& place) {
    size_t count = 0;
    fields.for_each_element(name, expected, [&](const json::value& element) {
      return element.is_string() && count < tokens.size() &&
             place(std::string_view(element.get_string()), tokens[count++]);
    });
    if (count != tokens.size()) {
      fields.fields().fail(
          name, fmt::format("got {} elements, expected {} as token_ids has", count, tokens.size()));
    }
  };
  read_hex("logits", "8 hexadecimal digits for each token", [](auto text, TokenRecord& token) {
    std::array<std::byte, 4> bytes{};
    const bool ok = from_hex(text, bytes);
    for (const std::byte byte : bytes) {
      token.logit_bits = token.logit_bits << 8 | std::to_integer<uint32_t>(byte);
    }
    return ok;
  });
  read_hex("row_digests", "16 hexadecimal digits for each token",
           [](auto text, TokenRecord& token) { return from_hex(text, token.row_digest); });
}

void read_tokenizer(RequiredFields& fields, std::string_view name, std::optional<Digest>& out) {
  if (fields.fields().find(name) != nullptr) fields.read(name, std::span(out.emplace()));
}

json::value digest_or_null(const std::optional<Digest>& digest) {
  return digest ? json::value(to_hex(*digest)) : json::value(nullptr);
}

json::object params_to_json(const ReceiptParams& params) {
  json::object object;
  for_each_field(params, [&](const char* name, const auto& value) {
    object[name] = FieldWriter::write(value);
  });
  return object;
}

}  // namespace

json::object receipt_to_json(const Receipt& receipt) {
  json::array token_ids, logits, row_digests;
  for (const TokenRecord& token : receipt.tokens) {
    token_ids.emplace_back(token.token_id);
    logits.emplace_back(fmt::format("{:08x}", token.logit_bits));
    row_digests.emplace_back(to_hex(token.row_digest));
  }
  return {{"version", kReceiptVersion},
          {"id", line_id_to_json(receipt.id)},
          {"row", receipt.row},
          {"num_rows", receipt.num_rows},
          {"model", to_hex(receipt.model)},
          {"tokenizer", digest_or_null(receipt.tokenizer)},
          {"numerics", receipt.numerics},
          {"params", params_to_json(receipt.params)},
          {"prompt_ids", json::value_from(receipt.prompt_ids)},
          {"token_ids", std::move(token_ids)},
          {"logits", std::move(logits)},
          {"row_digests", std::move(row_digests)},
          {"finish_reason", receipt.finish_reason},
          {"stop_reason", receipt.stop_reason},
          {"text", to_hex(receipt.text)},
          {"marks", receipt.marks},
          {"head", to_hex(receipt.head)}};
}

Result<Receipt> receipt_from_json(const json::value& value) {
  const std::string prefix = std::string(kReceiptKey) + ".";
  if (!value.is_object()) {
    return field_error(ErrorCode::kCorruptData, std::string(kReceiptKey),
                       "got {}, expected an object", brief(value));
  }
  Receipt receipt;
  RequiredFields fields(value.get_object(), prefix);
  int32_t version = 0;
  fields.read("version", version);
  if (version != kReceiptVersion) {
    fields.fields().fail("version", fmt::format("got {}, expected {}", version, kReceiptVersion));
  }
  read_id(fields, receipt.id);
  fields.read("row", receipt.row);
  fields.read("num_rows", receipt.num_rows);
  fields.read("model", std::span(receipt.model));
  read_tokenizer(fields, "tokenizer", receipt.tokenizer);
  fields.read("numerics", receipt.numerics);
  const json::value* params = fields.require("params");
  if (params != nullptr && params->is_object()) {
    RequiredFields members(params->get_object(), prefix + "params.");
    for_each_field(receipt.params,
                   [&](const char* name, auto& field) { members.read(name, field); });
    ERNIE_TRY_VOID(members.fields().finish());
  } else if (params != nullptr) {
    fields.fields().fail_type("params", *params, "an object");
  }
  fields.read("prompt_ids", receipt.prompt_ids);
  read_tokens(fields, receipt.tokens);
  fields.read("finish_reason", receipt.finish_reason);
  fields.read("stop_reason", receipt.stop_reason);
  fields.read("text", std::span(receipt.text));
  fields.read("marks", receipt.marks);
  fields.read("head", std::span(receipt.head));
  ERNIE_TRY_VOID(fields.fields().finish());
  return receipt;
}

std::string shown_field(const ReceiptParams& params, std::string_view name) {
  const json::object object = params_to_json(params);
  return json_text(object.at({name.data(), name.size()}));
}

std::string manifest_to_text(const ModelManifest& manifest) {
  std::string text = fmt::format(
      "{{\"version\":{},\n\"model\":\"{}\",\n\"tokenizer\":{},\n\"config\":{},\n\"tensors\":[\n",
      kReceiptVersion, to_hex(model_digest(manifest)),
      json_text(digest_or_null(manifest.tokenizer)), json_text(json::value(manifest.config)));
  for (const TensorDigest& tensor : manifest.tensors) {
    const auto dims = tensor.shape.dims();
    const std::string_view dtype = weight_format(tensor.format).name;
    text += json_text(json::object{{"name", tensor.name},
                                   {"dtype", json::string_view(dtype.data(), dtype.size())},
                                   {"shape", json::array(dims.begin(), dims.end())},
                                   {"sha256", to_hex(tensor.digest)}});
    text += &tensor == &manifest.tensors.back() ? "\n" : ",\n";
  }
  return text + "]}\n";
}

Result<ModelManifest> manifest_from_text(std::string_view text) {
  ERNIE_TRY(const json::value value, parse_json(text));
  if (!value.is_object()) {
    return make_error(ErrorCode::kCorruptData, "got {}, expected an object", brief(value));
  }
  RequiredFields fields(value.get_object(), "");
  ModelManifest manifest;
  int32_t version = 0;
  Digest model{};
  fields.read("version", version);
  if (version != kReceiptVersion) {
    fields.fields().fail("version", fmt::format("got {}, expected {}", version, kReceiptVersion));
  }
  fields.read("model", std::span(model));
  read_tokenizer(fields, "tokenizer", manifest.tokenizer);
  fields.read("config", manifest.config);
  fields.for_each_element("tensors", "a list of tensors", [&](const json::value& element) {
    if (!element.is_object()) return false;
    RequiredFields members(element.get_object(), "tensors.");
    TensorDigest& tensor = manifest.tensors.emplace_back();
    std::string dtype;
    std::vector<int64_t> dims;
    members.read("name", tensor.name);
    members.read("dtype", dtype);
    members.for_each_element("shape", "a list of integers", [&](const json::value& dim) {
      if (dim.is_int64()) dims.push_back(dim.get_int64());
      return dim.is_int64();
    });
    members.read("sha256", std::span(tensor.digest));
    const auto format = parse_weight_format(dtype);
    const auto shape = Shape::checked(dims);
    if (!members.fields().finish() || !format || !shape) return false;
    tensor.format = *format;
    tensor.shape = *shape;
    return true;
  });
  ERNIE_TRY_VOID(fields.fields().finish());
  if (model_digest(manifest) != model) {
    return field_error(ErrorCode::kCorruptData, "model",
                       "not the digest of the config and the tensors below it");
  }
  return manifest;
}

}  // namespace ernie
