#include "api/answer_parser.h"

#include <algorithm>
#include <array>
#include <optional>

#include "json/parse.h"
#include "json/text.h"

namespace ernie {

namespace json = boost::json;

struct AnswerParser::Tag {
  enum class Kind { kThinkBegin, kThinkEnd, kBlockBegin, kBlockEnd, kCallBegin, kCallEnd };
  Kind kind;
  std::string_view text;
};

namespace {

std::optional<ToolCall> parse_call(std::string_view text, const char* arguments_key) {
  const auto value = parse_json(text);
  const json::object* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return std::nullopt;
  const json::value* name = object->if_contains("name");
  const json::value* arguments = object->if_contains(arguments_key);
  if (name == nullptr || !name->is_string() || arguments == nullptr) return std::nullopt;
  ToolCall call{std::string(name->get_string()), ""};
  const json::string* as_text = arguments->if_string();
  call.arguments = as_text != nullptr ? std::string(*as_text) : json_text(*arguments);
  return call;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

}  // namespace

AnswerDelta AnswerParser::push(std::string_view text) {
  AnswerDelta delta;
  take_text(text, delta);
  return delta;
}

AnswerDelta AnswerParser::finish() {
  AnswerDelta delta;
  scan(delta, /*at_end=*/true);
  if (state_ == State::kCall) {
    // It was cut off, so it is no call.
    state_ = State::kContent;
    add_content("<tool_call>" + std::exchange(call_, {}), delta);
  }
  if (!form_.has_blocks && !form_.has_tools) delta.content += newlines_;
  newlines_.clear();
  return delta;
}

void AnswerParser::take_text(std::string_view text, AnswerDelta& delta) {
  const bool has_tags = form_.thinks || form_.has_blocks || form_.has_tools;
  if (form_.forced.is_forced() && state_ == State::kContent) return take_forced(text, delta);
  if (!has_tags) {
    delta.content += text;
    return;
  }
  pending_ += text;
  scan(delta, /*at_end=*/false);
}

/// Takes from pending_ what is decided.
void AnswerParser::scan(AnswerDelta& delta, bool at_end) {
  using Kind = Tag::Kind;
  static constexpr std::array<Tag, 6> kTags{{{Kind::kThinkBegin, "<think>"},
                                             {Kind::kThinkEnd, "</think>"},
                                             {Kind::kBlockBegin, "<response>"},
                                             {Kind::kBlockEnd, "</response>"},
                                             {Kind::kCallBegin, "<tool_call>"},
                                             {Kind::kCallEnd, "</tool_call>"}}};
  const auto is_tag_here = [&](const Tag& tag) {
    switch (tag.kind) {
      case Kind::kThinkBegin:
      case Kind::kThinkEnd:
        return state_ == State::kReasoning;
      case Kind::kBlockBegin:
      case Kind::kBlockEnd:
        return form_.has_blocks && state_ == State::kContent;
      case Kind::kCallBegin:
        return form_.has_tools && state_ == State::kContent;
      case Kind::kCallEnd:
        return state_ == State::kCall;
    }
    return false;
  };
  std::string text = std::exchange(pending_, {});
  std::string_view rest = text;
  const auto emit = [&](std::string_view piece) {
    if (piece.empty()) return;
    if (state_ == State::kReasoning) {
      // Newlines at either end belong to the tags.
      if (at_block_begin_)
        piece.remove_prefix(std::min(piece.find_first_not_of('\n'), piece.size()));
      if (piece.empty()) return;
      at_block_begin_ = false;
      const size_t end = piece.find_last_not_of('\n');
      if (end != std::string_view::npos) {
        delta.reasoning += std::exchange(newlines_, {});
        delta.reasoning += piece.substr(0, end + 1);
      }
      newlines_ += piece.substr(end == std::string_view::npos ? 0 : end + 1);
    } else if (state_ == State::kCall) {
      call_ += piece;
    } else {
      add_content(piece, delta);
    }
  };
  while (!rest.empty()) {
    if (form_.forced.is_forced() && state_ == State::kContent) return take_forced(rest, delta);
    const size_t open = rest.find('<');
    emit(rest.substr(0, open));
    if (open == std::string_view::npos) return;
    rest.remove_prefix(open);
    const auto fits = [&](const Tag& tag) {
      return is_tag_here(tag) && rest.starts_with(tag.text);
    };
    const auto* tag = std::find_if(kTags.begin(), kTags.end(), fits);
    if (tag != kTags.end()) {
      take_tag(*tag, delta);
      rest.remove_prefix(tag->text.size());
      continue;
    }
    const auto could = [&](const Tag& other) {
      return is_tag_here(other) && other.text.starts_with(rest);
    };
    if (!at_end && std::any_of(kTags.begin(), kTags.end(), could)) {
      pending_ = rest;
      return;
    }
    emit(rest.substr(0, 1));
    rest.remove_prefix(1);
  }
}

void AnswerParser::take_tag(const Tag& tag, AnswerDelta& delta) {
  newlines_.clear();
  at_block_begin_ = true;
  switch (tag.kind) {
    case Tag::Kind::kThinkEnd:
      state_ = State::kContent;
      return;
    case Tag::Kind::kCallBegin:
      state_ = State::kCall;
      call_.clear();
      return;
    case Tag::Kind::kCallEnd:
      return end_call(delta);
    case Tag::Kind::kThinkBegin:
    case Tag::Kind::kBlockBegin:
    case Tag::Kind::kBlockEnd:
      return;
  }
}

void AnswerParser::end_call(AnswerDelta& delta) {
  state_ = State::kContent;
  auto call = parse_call(trimmed(call_), "arguments");
  if (!call) {
    add_content("<tool_call>" + std::exchange(call_, {}) + "</tool_call>", delta);
    return;
  }
  add_call(*std::move(call), delta);
}

void AnswerParser::add_call(ToolCall call, AnswerDelta& delta) {
  if (form_.one_call && num_calls_ > 0) return;
  ++num_calls_;
  delta.calls.push_back(std::move(call));
}

void AnswerParser::add_content(std::string_view text, AnswerDelta& delta) {
  const bool trims_begin = at_block_begin_ && (form_.has_blocks || num_calls_ > 0);
  if (trims_begin) text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  if (text.empty()) return;
  at_block_begin_ = false;
  const size_t end = text.find_last_not_of('\n');
  if (end != std::string_view::npos) {
    delta.content += std::exchange(newlines_, {});
    delta.content += text.substr(0, end + 1);
    text.remove_prefix(end + 1);
  }
  newlines_ += text;
}

void AnswerParser::take_forced(std::string_view text, AnswerDelta& delta) {
  if (form_.forced.kind == ToolChoice::Kind::kNamed) {
    if (num_calls_ == 0) text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
    if (text.empty()) return;
    num_calls_ = 1;
    delta.calls.push_back({"", std::string(text)});
    return;
  }
  for (const char byte : text) take_required(byte, delta);
}

/// Follows the brackets of a list and takes each object in it when it is closed.
void AnswerParser::take_required(char byte, AnswerDelta& delta) {
  if (depth_ >= 2) call_ += byte;
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (byte == '\\') {
      escaped_ = true;
    } else if (byte == '"') {
      in_string_ = false;
    }
    return;
  }
  if (byte == '"') in_string_ = true;
  if (byte == '[' || byte == '{') {
    if (++depth_ == 2) call_ = byte;
  }
  if (byte != ']' && byte != '}') return;
  if (depth_ > 0) --depth_;
  if (depth_ != 1) return;
  if (auto call = parse_call(call_, "parameters")) add_call(*std::move(call), delta);
  call_.clear();
}

}  // namespace ernie
