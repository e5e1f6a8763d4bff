#include "jobs/receipt_check.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

ResultLine sealed_line() {
  ResultLine line;
  line.id = int64_t{3};
  line.has_answer = true;
  line.receipt.emplace();
  line.receipt->id = line.id;
  line.receipt->numerics = "cpu BF16";
  seal(*line.receipt);
  return line;
}

OwnModel own_model() {
  OwnModel own;
  own.common.numerics = "cpu BF16";
  return own;
}

std::vector<std::string> parts_of(const Findings& findings) {
  std::vector<std::string> parts;
  for (const Finding& finding : findings) {
    EXPECT_TRUE(finding.text.starts_with(finding.what + ": ")) << finding.text;
    parts.push_back(finding.what);
  }
  return parts;
}

using Parts = std::vector<std::string>;

TEST(ReceiptCheck, FindingsSayWhatDeparts) {
  ResultLine line = sealed_line();
  EXPECT_TRUE(check_receipt(line, own_model()).empty());
  line.receipt->params.sampling.top_k = 4;
  line.receipt->model[0] = std::byte{1};
  EXPECT_EQ(parts_of(check_receipt(line, own_model())), (Parts{"model", "model"}))
      << "the chain breaks at the first of both";
  line = sealed_line();
  line.receipt->params.sampling.top_k = 4;
  line.id = "another";
  line.has_answer = false;
  OwnModel own = own_model();
  own.common.numerics = "cpu F32";
  own.common.tokenizer.emplace();
  EXPECT_EQ(parts_of(check_receipt(line, own)),
            (Parts{"top_k", "answer", "id", "tokenizer", "numerics"}));
}

TEST(ReceiptCheck, ATokenIsOneWhicheverItIs) {
  ResultLine line = sealed_line();
  line.receipt->tokens.resize(3);
  const Findings findings = check_answer(line, {}, {{}, {}}, nullptr, nullptr);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].what, "token");
  EXPECT_EQ(findings[0].text, "token 2: got id 0, recomputed an end");
}

TEST(ReceiptCheck, WhatAnErrorIsAbout) {
  const auto about = [](const std::string& field) {
    return finding_of(field_error(ErrorCode::kCorruptData, field, "x")).what;
  };
  EXPECT_EQ(about("ernie_receipt.params.seed"), "ernie_receipt");
  EXPECT_EQ(about("choices[0].text"), "choices");
  EXPECT_EQ(about("top_k"), "top_k");
  EXPECT_EQ(finding_of(make_error(ErrorCode::kCorruptData, "not valid JSON")).what, "");
}

}  // namespace
}  // namespace ernie
