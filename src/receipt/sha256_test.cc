#include "receipt/sha256.h"

#include <gtest/gtest.h>

namespace ernie {
namespace {

std::string hex_of(std::string_view text) { return to_hex(sha256(std::as_bytes(std::span(text)))); }

// The examples that NIST publishes for the standard.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(hex_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesAddUpAndFinishBeginsAnew) {
  Sha256 sha;
  for (int round = 0; round < 2; ++round) {
    sha.update("a");
    sha.update("");
    sha.update("bc");
    EXPECT_EQ(to_hex(sha.finish()), hex_of("abc"));
  }
}

TEST(Hex, ReadsBackWhatItWroteAndNothingElse) {
  const Digest digest = sha256({});
  Digest again{};
  EXPECT_TRUE(from_hex(to_hex(digest), again));
  EXPECT_EQ(digest, again);
  std::array<std::byte, 2> two;
  for (const char* bad : {"", "0", "000", "00000", "00g0", "0X00", "AB00", " 000", "-100"}) {
    EXPECT_FALSE(from_hex(bad, two)) << bad;
  }
}

}  // namespace
}  // namespace ernie
