// Text to ids and back, streamed and at once, and stop strings in it. The first byte chooses what
// the rest is: text, or ids of two bytes each.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/utf8.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

namespace {

using namespace ernie;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_stream(const std::shared_ptr<const Tokenizer>& tokenizer,
                  const std::vector<TokenId>& ids, bool keep_special) {
  StreamingDetokenizer stream(tokenizer, keep_special);
  const std::vector<std::string> stops = {"ab", "abc", "\n\n", "的首都"};
  StopMatcher streamed(stops, keep_special), whole(stops, keep_special);
  std::string text, streamed_text;
  std::optional<size_t> streamed_stop;
  for (size_t i = 0; i <= ids.size(); ++i) {
    const std::string piece = i < ids.size() ? stream.push(ids[i]) : stream.finish();
    require(is_utf8(piece));
    text += piece;
    const auto output = streamed.push(piece);
    require(is_utf8(output.text));
    streamed_text += output.text;
    if (output.stop) streamed_stop = output.stop;
  }
  require(text == tokenizer->decode(ids, keep_special));
  streamed_text += streamed.finish();
  const auto output = whole.push(text);
  require(output.stop == streamed_stop);
  require(output.text + whole.finish() == streamed_text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kTokenizer =
      Tokenizer::load(ERNIE_SOURCE_DIR "/tests/data/tokenizer_tiny").value();
  if (size == 0) return 0;
  std::vector<TokenId> ids;
  if (data[0] & 1) {
    for (size_t i = 1; i + 1 < size; i += 2) ids.push_back(data[i] | data[i + 1] << 8);
  } else {
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const bool parse = data[0] & 2;
    ids = kTokenizer->encode(text, parse ? SpecialTokens::kParse : SpecialTokens::kAsText);
    std::string back;
    for (const TokenId id : ids) {
      require(parse || !kTokenizer->is_special(id));
      back += kTokenizer->token_bytes(id);
    }
    require(back == text);
  }
  check_stream(kTokenizer, ids, data[0] & 4);
  return 0;
}
