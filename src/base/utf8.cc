#include "base/utf8.h"

#include <fmt/format.h>

namespace ernie {
namespace {

struct LeadByte {
  int length;  // of the whole sequence; 0 if no sequence begins so
  uint8_t second_min, second_max;
};

// The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
LeadByte classify(uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Unit first_utf8_unit(std::string_view text) {
  using Kind = Utf8Unit::Kind;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return {Kind::kCharacter, 1, byte(0)};
  const LeadByte lead = classify(byte(0));
  if (lead.length == 0) return {Kind::kInvalid, 1, 0};
  char32_t code_point = byte(0) & (0x7Fu >> lead.length);
  for (int i = 1; i < lead.length; ++i) {
    const auto size = static_cast<uint8_t>(i);
    if (static_cast<size_t>(i) == text.size()) return {Kind::kIncomplete, size, 0};
    const uint8_t min = i == 1 ? lead.second_min : 0x80;
    const uint8_t max = i == 1 ? lead.second_max : 0xBF;
    if (byte(size) < min || byte(size) > max) return {Kind::kInvalid, size, 0};
    code_point = code_point << 6 | (byte(size) & 0x3Fu);
  }
  return {Kind::kCharacter, static_cast<uint8_t>(lead.length), code_point};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Unit unit = first_utf8_unit(text);
    if (unit.kind != Utf8Unit::Kind::kCharacter) return false;
    text.remove_prefix(unit.size);
  }
  return true;
}

size_t append_as_utf8(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const Utf8Unit unit = first_utf8_unit(bytes);
    if (unit.kind == Utf8Unit::Kind::kIncomplete) break;
    const bool valid = unit.kind == Utf8Unit::Kind::kCharacter;
    out += valid ? bytes.substr(0, unit.size) : kReplacementCharacter;
    bytes.remove_prefix(unit.size);
  }
  return bytes.size();
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kMaxBytes = 64;
  const std::string_view shown = text.substr(0, kMaxBytes);
  std::string out = "\"";
  for (std::string_view rest = shown; !rest.empty();) {
    const Utf8Unit unit = first_utf8_unit(rest);
    const bool plain = unit.kind == Utf8Unit::Kind::kCharacter && unit.code_point >= 0x20 &&
                       unit.code_point != 0x7F && unit.code_point != '"' && unit.code_point != '\\';
    for (const char c : rest.substr(0, unit.size)) {
      out += plain ? std::string(1, c) : fmt::format("\\x{:02X}", static_cast<uint8_t>(c));
    }
    rest.remove_prefix(unit.size);
  }
  return out + (text.size() > kMaxBytes ? "…\"" : "\"");
}

std::string visible_text(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Unit unit = first_utf8_unit(text);
    const char32_t c = unit.code_point;
    const bool is_control = c < 0x20 || (c >= 0x7F && c < 0xA0);
    const bool is_kept = unit.size == 1 && kept.find(text[0]) != std::string_view::npos;
    const bool is_plain = unit.kind == Utf8Unit::Kind::kCharacter && (!is_control || is_kept);
    for (const char byte : text.substr(0, unit.size)) {
      out += is_plain ? std::string(1, byte) : fmt::format("\\x{:02X}", static_cast<uint8_t>(byte));
    }
    text.remove_prefix(unit.size);
  }
  return out;
}

}  // namespace ernie
