#include "receipt/receipt.h"

#include <gtest/gtest.h>

#include <functional>

#include "receipt/byte_writer.h"
#include "receipt/hash_chain.h"

namespace ernie {
namespace {

Receipt full_receipt() {
  Receipt receipt;
  receipt.id = "é\"";
  receipt.row = 3;
  for (size_t i = 0; i < receipt.model.size(); ++i) {
    receipt.model[i] = static_cast<std::byte>(i % 16 * 0x11);
  }
  receipt.numerics = "cpu BF16";
  SamplingParams& sampling = receipt.params.sampling;
  sampling.temperature = 0.7f;
  sampling.top_k = -1;
  sampling.top_p = 0.9f;
  sampling.min_p = 0.05f;
  sampling.repetition_penalty = 1.1f;
  sampling.presence_penalty = -0.0f;
  sampling.frequency_penalty = -2;
  sampling.logit_bias = {{7, -100.0f}, {3, 0.5f}};
  sampling.seed = UINT64_MAX - 1;
  sampling.max_tokens = INT32_MAX;
  sampling.min_tokens = 1;
  sampling.ignore_eos = true;
  sampling.stop = {"\n", "你好"};
  sampling.stop_token_ids = {5, 6};
  sampling.include_stop_in_output = true;
  sampling.skip_special_tokens = false;
  sampling.logprobs = 0;
  receipt.params.echo = true;
  receipt.params.max_model_len = 131072;
  receipt.prompt_ids = {1, 2, 70000};
  receipt.tokens = {{9, 0x3f800000, {}}, {8, 0x80000001, {}}};
  EXPECT_TRUE(from_hex("0102030405060708", receipt.tokens[0].row_digest));
  EXPECT_TRUE(from_hex("fffefdfcfbfaf9f8", receipt.tokens[1].row_digest));
  receipt.finish_reason = "stop";
  receipt.stop_reason = "你好";
  receipt.text.fill(std::byte{0xab});
  seal(receipt);
  return receipt;
}

TEST(ByteWriter, IsLittleEndianAndHasOneZero) {
  ByteWriter writer;
  writer.add(int32_t{-2}).add(uint64_t{1}).add(true).add(-0.0f).add(1.0f).add_text("é");
  EXPECT_EQ(to_hex(std::as_bytes(std::span(writer.bytes()))),
            "feffffff"
            "0100000000000000"
            "01"
            "00000000"
            "0000803f"
            "02000000c3a9");
}

// The figures of these two are what tests/cli/receipt_format.py makes of the same receipt.
TEST(Receipt, HeadIsThatOfTheDocumentedFormat) {
  const Receipt receipt = full_receipt();
  EXPECT_EQ(
      receipt.marks,
      "2f96dc7741e277329f10f83933ea3e87d5d21d92dc9148bc609c758543986201f7e838eac875bd7547c4273a"
      "c12a88f9c03925502c5a65848a4b137334866fb573fec3a0be422bd0b62b5b1e1ce5e44fce0448b0111ede70"
      "51fcc92fdf357d7b86e9ac60bc608cf8978f043b");
  EXPECT_EQ(to_hex(receipt.head),
            "79730d6a8f0356039a238ac207813a9edab237783c4bddc9e7379bb3beba0966");
  EXPECT_FALSE(broken_item(receipt));
}

TEST(Receipt, NamesWhatWasChanged) {
  using Change = std::function<void(Receipt&)>;
  const std::vector<std::pair<std::string, Change>> changes{
      {"id", [](Receipt& r) { r.id = int64_t{3}; }},
      {"row", [](Receipt& r) { r.row = 4; }},
      {"num_rows", [](Receipt& r) { r.num_rows = 4; }},
      {"model", [](Receipt& r) { r.model[31] ^= std::byte{1}; }},
      {"tokenizer", [](Receipt& r) { r.tokenizer.emplace(); }},
      {"numerics", [](Receipt& r) { r.numerics = "cpu F32"; }},
      {"prompt_ids", [](Receipt& r) { r.prompt_ids[1] = 3; }},
      {"prompt_ids", [](Receipt& r) { r.prompt_ids.pop_back(); }},
      {"marks", [](Receipt& r) { r.marks += "00000000"; }},
      {"prompt_ids", [](Receipt& r) { r.marks.resize(r.marks.size() - 8); }},
      {"id", [](Receipt& r) { r.marks.clear(); }},
      {"head", [](Receipt& r) { r.tokens[0].token_id = 8; }},
      {"head", [](Receipt& r) { r.tokens[1].logit_bits ^= 1; }},
      {"head", [](Receipt& r) { r.tokens[1].row_digest[7] ^= std::byte{1}; }},
      {"head", [](Receipt& r) { std::swap(r.tokens[0], r.tokens[1]); }},
      {"head", [](Receipt& r) { r.tokens.pop_back(); }},
      {"head", [](Receipt& r) { r.finish_reason = "length"; }},
      {"head", [](Receipt& r) { r.stop_reason = ""; }},
      {"head", [](Receipt& r) { r.text[0] ^= std::byte{1}; }},
      {"head", [](Receipt& r) { r.head[0] ^= std::byte{1}; }},
  };
  for (const auto& [name, change] : changes) {
    Receipt receipt = full_receipt();
    change(receipt);
    EXPECT_EQ(broken_item(receipt), name) << &change - &changes[0].second;
  }
}

/// Another value of the same type.
struct Other {
  void operator()(float& x) const { x += 0.25f; }
  void operator()(int32_t& x) const { x ^= 1; }
  void operator()(int64_t& x) const { x ^= 1; }
  void operator()(uint64_t& x) const { x ^= uint64_t{1} << 63; }
  void operator()(bool& x) const { x = !x; }
  void operator()(std::optional<int32_t>& x) const { x = x ? std::nullopt : std::optional(0); }
  void operator()(std::vector<int32_t>& x) const { std::swap(x[0], x[1]); }
  void operator()(std::vector<std::string>& x) const { x[0] += "你", x[1].erase(0, 3); }
  void operator()(std::vector<std::pair<int32_t, float>>& x) const { x[1].second = 0.25f; }
};

TEST(Receipt, EveryParameterCountsUnderItsName) {
  const Receipt receipt = full_receipt();
  int num_fields = 0;
  for_each_field(receipt.params, [&](std::string_view name, const auto&) {
    Receipt changed = receipt;
    for_each_field(changed.params, [&](std::string_view other, auto& field) {
      if (other == name) Other()(field);
    });
    EXPECT_EQ(broken_item(changed), name);
    EXPECT_EQ(differing_fields(receipt.params, changed.params),
              std::vector<std::string>{std::string(name)});
    ++num_fields;
  });
  EXPECT_EQ(num_fields, 20);
  EXPECT_TRUE(differing_fields(receipt.params, receipt.params).empty());
}

TEST(TokenRecord, SeesEveryLogitOfTheRow) {
  std::vector<float> logits{1.5f, -2, 0};
  const TokenRecord record = make_token_record(1, logits);
  EXPECT_EQ(record.token_id, 1);
  EXPECT_EQ(record.logit_bits, 0xc0000000u);
  // printf '\0\0\xc0\x3f\0\0\0\xc0\0\0\0\0' | sha256sum
  EXPECT_EQ(to_hex(record.row_digest), "6c80d5481b510d89");
  logits[2] = -0.0f;
  EXPECT_NE(make_token_record(1, logits), record) << "the sign of a zero is a bit, too";
}

TEST(HashChain, BindsNamesLengthsAndOrder) {
  const auto link = [](std::vector<std::pair<std::string, std::string>> items) {
    HashChain chain("g");
    for (const auto& [name, payload] : items) chain.add(name, payload);
    return chain.link();
  };
  const Digest one = link({{"ab", "c"}});
  EXPECT_NE(one, link({{"a", "bc"}}));
  EXPECT_NE(one, link({{"ab", "c"}, {"", ""}}));
  EXPECT_NE(link({{"a", "x"}, {"b", "y"}}), link({{"b", "y"}, {"a", "x"}}));
  EXPECT_EQ(one, link({{"ab", "c"}}));
}

}  // namespace
}  // namespace ernie
