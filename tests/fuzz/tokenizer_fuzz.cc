// The files of a tokenizer. The first byte says which file the rest is; the others are those of the
// small tokenizer of the tests. Whatever loads has to encode and give back any text.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "text/tokenizer.h"

namespace {

using namespace ernie;

ByteSource tiny_file(const char* name) {
  auto file =
      ByteSource::map_file(std::string(ERNIE_SOURCE_DIR "/tests/data/tokenizer_tiny/") + name);
  if (!file) std::abort();
  return *file;
}

void check_round_trip(const Tokenizer& tokenizer, std::string_view text, SpecialTokens special) {
  std::string back;
  for (const TokenId id : tokenizer.encode(text, special)) {
    if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
    if (special == SpecialTokens::kAsText && tokenizer.is_special(id)) std::abort();
    back += tokenizer.token_bytes(id);
  }
  if (back != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Tokenizer::Files kTiny = {
      tiny_file("tokenizer.model"), tiny_file("added_tokens.json"),
      tiny_file("special_tokens_map.json"), tiny_file("tokenizer_config.json")};
  if (size == 0) return 0;
  const auto source =
      ByteSource::from_static("<fuzz>", std::as_bytes(std::span(data + 1, size - 1)));
  Tokenizer::Files files = kTiny;
  switch (data[0] & 3) {
    case 0:
      files = {source, {}, {}, {}};
      break;
    case 1:
      files.added_tokens = source;
      break;
    case 2:
      files.special_tokens_map = source;
      break;
    default:
      files.tokenizer_config = source;
      break;
  }
  const auto tokenizer = Tokenizer::from_files(files);
  if (!tokenizer) return 0;
  constexpr std::string_view kText =
      "the catch  北京是中国 hover\n1024 aaaaab <|LOC_1|>|><s><mask:1> \xFF\xE4\xB8 \u2581 "
      "naïve😀==>";
  check_round_trip(**tokenizer, kText, SpecialTokens::kAsText);
  check_round_trip(**tokenizer, kText, SpecialTokens::kParse);
  return 0;
}
