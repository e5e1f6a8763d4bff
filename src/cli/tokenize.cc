#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "jobs/line_reader.h"

namespace ernie {
namespace {

namespace json = boost::json;

// Room for a prompt of 16 MiB with a good part of it escaped.
constexpr size_t kMaxTextLineBytes = size_t{64} << 20;

struct TokenizeFlags {
  std::string tokenizer;
  bool decode = false;
  bool special = false;
};

Result<json::value> parse_line(const LineReader::Line& line, std::string_view expected) {
  boost::system::error_code code;
  json::value value = json::parse(line.text, code);
  if (!code) return value;
  return make_error(ErrorCode::kInvalidArgument, "<stdin>: line {}: got {}, expected {}",
                    line.number, code.message(), expected);
}

Error wrong_kind(const LineReader::Line& line, const json::value& got, std::string_view expected) {
  return make_error(ErrorCode::kInvalidArgument, "<stdin>: line {}: got a JSON {}, expected {}",
                    line.number, json::to_string(got.kind()), expected);
}

Result<std::string> encode_line(const Tokenizer& tokenizer, const LineReader::Line& line,
                                bool parse_special) {
  constexpr std::string_view kExpected = "a JSON string";
  ERNIE_TRY(const json::value value, parse_line(line, kExpected));
  const json::string* text = value.if_string();
  if (text == nullptr) return wrong_kind(line, value, kExpected);
  const auto ids = tokenizer.encode({text->data(), text->size()},
                                    parse_special ? SpecialTokens::kParse : SpecialTokens::kAsText);
  return fmt::format("[{}]\n", fmt::join(ids, ","));
}

Result<std::string> decode_line(const Tokenizer& tokenizer, const LineReader::Line& line,
                                bool keep_special) {
  constexpr std::string_view kExpected = "a JSON array of token ids";
  ERNIE_TRY(const json::value value, parse_line(line, kExpected));
  const json::array* array = value.if_array();
  if (array == nullptr) return wrong_kind(line, value, kExpected);
  std::vector<TokenId> ids;
  ids.reserve(array->size());
  for (const json::value& element : *array) {
    const int64_t* id = element.if_int64();
    if (id == nullptr || *id < 0 || *id >= tokenizer.vocab_size()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "<stdin>: line {}: item {}: got {}, expected a token id from 0 to {}",
                        line.number, ids.size(), id ? fmt::format("{}", *id) : "another JSON value",
                        tokenizer.vocab_size() - 1);
    }
    ids.push_back(static_cast<TokenId>(*id));
  }
  return json::serialize(json::string(tokenizer.decode(ids, keep_special))) + "\n";
}

Result<void> tokenize(const TokenizeFlags& flags) {
  EngineSettings settings;
  settings.tokenizer = flags.tokenizer;
  ERNIE_TRY(const auto tokenizer, open_tokenizer(settings));
  ERNIE_TRY(LineReader input, LineReader::open("-", UINT64_MAX, kMaxTextLineBytes));
  while (true) {
    ERNIE_TRY(const auto line, input.next());
    if (!line) return {};
    if (line->too_long) {
      return make_error(ErrorCode::kInvalidArgument,
                        "<stdin>: line {}: got more than {} bytes, expected at most as many",
                        line->number, kMaxTextLineBytes);
    }
    ERNIE_TRY(const std::string output, flags.decode
                                            ? decode_line(*tokenizer, *line, flags.special)
                                            : encode_line(*tokenizer, *line, flags.special));
    const bool written = std::fwrite(output.data(), 1, output.size(), stdout) == output.size();
    if (!written) return make_error(ErrorCode::kIo, "<stdout>: cannot write");
  }
}

Result<int> run_tokenize(const TokenizeFlags& flags) {
  Result<void> result = tokenize(flags);
  // What was done before an error is still worth having.
  if (std::fflush(stdout) != 0 && result) {
    result = make_error(ErrorCode::kIo, "<stdout>: cannot write");
  }
  ERNIE_TRY_VOID(result);
  return 0;
}

}  // namespace

Command add_tokenize_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<TokenizeFlags>();
  app.footer(
      "Reads one JSON string a line and writes one JSON array of ids a line; blank lines are\n"
      "skipped. The first line that is something else ends the work with exit code 2; the lines\n"
      "before it have been written.");
  app.add_option("--tokenizer", flags->tokenizer,
                 "Directory of a model, or its tokenizer.model; without it the embedded demo's")
      ->type_name("PATH");
  app.add_flag("--decode", flags->decode,
               "The other way: arrays of ids in, strings out; bytes that are no character become "
               "U+FFFD");
  app.add_flag("--special", flags->special,
               "Special tokens spelled in the text become their ids; with --decode they are "
               "written out");
  return [flags] { return run_tokenize(*flags); };
}

}  // namespace ernie
