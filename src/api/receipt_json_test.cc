#include "api/receipt_json.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

Receipt some_receipt() {
  Receipt receipt;
  receipt.id = "über \"x\"\n";
  receipt.row = 2;
  receipt.num_rows = 3;
  receipt.model.fill(std::byte{0x12});
  receipt.tokenizer.emplace().fill(std::byte{0xfe});
  receipt.numerics = "cpu BF16";
  receipt.params.sampling.temperature = 0.1f;
  receipt.params.sampling.seed = UINT64_MAX;
  receipt.params.sampling.logit_bias = {{3, -0.7f}, {1, 100.0f}};
  receipt.params.sampling.stop = {"你", "\t"};
  receipt.params.sampling.stop_token_ids = {2};
  receipt.params.sampling.prompt_logprobs = 20;
  receipt.params.max_model_len = int64_t{1} << 40;
  receipt.prompt_ids = {5, 0};
  receipt.tokens = {{7, 0x00000001, {std::byte{0xab}}}, {8, 0xff7fffff, {}}};
  receipt.finish_reason = "stop";
  seal(receipt);
  return receipt;
}

TEST(ReceiptJson, ReadsBackWhatItWrote) {
  for (const bool has_tokenizer : {true, false}) {
    Receipt receipt = some_receipt();
    if (!has_tokenizer) {
      receipt.tokenizer.reset();
      receipt.id = int64_t{-7};
    }
    seal(receipt);
    const std::string text = json_text(receipt_to_json(receipt));
    const auto again = receipt_from_json(*parse_json(text));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(json_text(receipt_to_json(*again)), text);
    EXPECT_FALSE(broken_item(*again)) << "no bit of any field was lost";
    EXPECT_TRUE(differing_fields(again->params, receipt.params).empty());
  }
}

/// The message for a receipt in which `change` was applied to the JSON.
template <typename Change>
std::string message_after(const Change& change) {
  json::object object = receipt_to_json(some_receipt());
  change(object);
  const auto receipt = receipt_from_json(object);
  return receipt ? "" : receipt.error().message;
}

TEST(ReceiptJson, EveryMemberMustBeThere) {
  int num_optional = 0;
  const json::object whole = receipt_to_json(some_receipt());
  for (const auto& member : whole) {
    const std::string name(std::string_view(member.key()));
    const auto message = message_after([&](json::object& object) { object.erase(name); });
    if (name == "tokenizer") {
      ++num_optional;
      EXPECT_EQ(message, "");
    } else {
      EXPECT_EQ(message.rfind("ernie_receipt." + name + ": ", 0), 0u) << message;
    }
  }
  EXPECT_EQ(num_optional, 1);
  for (const auto& member : whole.at("params").as_object()) {
    const std::string name(std::string_view(member.key()));
    const auto message = message_after(
        [&](json::object& object) { object["params"].as_object()[name] = json::object(); });
    EXPECT_EQ(message.rfind("ernie_receipt.params." + name + ": ", 0), 0u) << message;
  }
}

TEST(ReceiptJson, OtherFormsAreRefused) {
  const auto set = [](const char* name, json::value value) {
    return message_after([&](json::object& object) { object[name] = std::move(value); });
  };
  EXPECT_EQ(set("extra", 1), "ernie_receipt.extra: unknown field");
  EXPECT_EQ(set("version", 2), "ernie_receipt.version: got 2, expected 1");
  EXPECT_EQ(set("head", "00"), "ernie_receipt.head: expected 64 hexadecimal digits");
  EXPECT_EQ(set("params", 5), "ernie_receipt.params: got 5, expected an object");
  EXPECT_EQ(set("id", 0.5), "ernie_receipt.id: got 0.5, expected a string or an integer");
  EXPECT_EQ(set("prompt_ids", {1, int64_t{1} << 31}),
            "ernie_receipt.prompt_ids: got 2147483648, expected a list of integers of 32 bits");
  EXPECT_EQ(set("logits", {"00000000"}),
            "ernie_receipt.logits: got 1 elements, expected 2 as token_ids has");
  EXPECT_EQ(set("logits", {"00000000", "00000000", "00000000"}),
            "ernie_receipt.logits: got \"00000000\", expected 8 hexadecimal digits for each token");
  EXPECT_EQ(set("row_digests", {"0011223344556677", "001122334455667G"}),
            "ernie_receipt.row_digests: got \"001122334455667G\", expected 16 hexadecimal digits "
            "for each token");
  EXPECT_EQ(receipt_from_json(json::array()).error().message,
            "ernie_receipt: got a list, expected an object");
}

TEST(ReceiptJson, SeedsHaveOneSpelling) {
  for (const json::value& bad : {json::value("18446744073709551616"), json::value("01"),
                                 json::value("-1"), json::value(""), json::value(1)}) {
    const auto message =
        message_after([&](json::object& object) { object["params"].as_object()["seed"] = bad; });
    EXPECT_NE(message.find("params.seed: "), std::string::npos) << bad;
  }
}

TEST(ManifestText, ReadsBackWhatItWrote) {
  const auto weights = make_dummy_weights(*preset_model_config("tiny"), 1);
  const ModelManifest manifest = *make_manifest(*weights, nullptr, 1);
  const std::string text = manifest_to_text(manifest);
  const auto again = manifest_from_text(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(manifest_to_text(*again), text);
  EXPECT_TRUE(differences(*again, manifest).empty());
}

TEST(ManifestText, DamageIsAnError) {
  const auto weights = make_dummy_weights(*preset_model_config("tiny"), 1);
  const std::string text = manifest_to_text(*make_manifest(*weights, nullptr, 1));
  const auto message_for = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const auto manifest = manifest_from_text(changed);
    return manifest ? "" : manifest.error().message;
  };
  EXPECT_EQ(message_for("rope_theta", "rope_zeta"),
            "model: not the digest of the config and the tensors below it");
  EXPECT_NE(message_for("\"BF16\"", "\"B16\"").find("tensors: "), std::string::npos);
  EXPECT_NE(message_for("\"shape\":[", "\"shape\":[-1,").find("tensors: "), std::string::npos);
  EXPECT_NE(message_for("\"sha256\":\"", "\"sha256\":\"0").find("tensors: "), std::string::npos);
  EXPECT_NE(message_for("\"version\":1", "\"version\":3").find("version: got 3"),
            std::string::npos);
  EXPECT_FALSE(manifest_from_text("[]"));
  EXPECT_FALSE(manifest_from_text(text.substr(0, text.size() - 3)));
}

}  // namespace
}  // namespace ernie
