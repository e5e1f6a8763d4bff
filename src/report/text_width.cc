#include "report/text_width.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace ernie::report {
namespace {

struct Range {
  char32_t first, last;
};

constexpr std::array<Range, 14> kWide = {{{0x1100, 0x115F},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0x33FF},
                                          {0x3400, 0x4DBF},
                                          {0x4E00, 0x9FFF},
                                          {0xA000, 0xA4CF},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE4F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1F64F},
                                          {0x1F680, 0x1F9FF},
                                          {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 6> kZero = {{{0x0300, 0x036F},
                                         {0x200B, 0x200F},
                                         {0x2060, 0x2064},
                                         {0x20D0, 0x20FF},
                                         {0xFE00, 0xFE0F},
                                         {0xFEFF, 0xFEFF}}};

template <size_t n>
bool is_in(const std::array<Range, n>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

int width_of(char32_t c) {
  if (c < 0x300) return 1;
  if (is_in(kZero, c)) return 0;
  return is_in(kWide, c) ? 2 : 1;
}

struct Piece {  // what is never broken: a character and the marks that combine with it
  std::string_view text;
  int width;
};

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  for (size_t at = 0; at < text.size();) {
    const Utf8Unit unit = first_utf8_unit(text.substr(at));
    const int width = width_of(unit.code_point);
    if (width == 0 && !pieces.empty()) {
      const std::string_view before = pieces.back().text;
      pieces.back().text = {before.data(), before.size() + unit.size};
    } else {
      pieces.push_back({text.substr(at, unit.size), width});
    }
    at += unit.size;
  }
  return pieces;
}

/// How many of `pieces` from `first` on make a line, including a space that ends it.
size_t line_length(const std::vector<Piece>& pieces, size_t first, int width) {
  int used = 0;
  size_t best = 0;
  size_t i = first;
  for (; i < pieces.size() && used + pieces[i].width <= width; ++i) {
    used += pieces[i].width;
    const bool next_is_wide = i + 1 < pieces.size() && pieces[i + 1].width == 2;
    if (pieces[i].text == " " || pieces[i].width == 2 || next_is_wide) best = i + 1 - first;
  }
  if (i == pieces.size()) return i - first;
  if (pieces[i].text == " ") return i + 1 - first;  // the space falls into the break
  return best > 0 ? best : std::max<size_t>(i - first, 1);
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Utf8Unit unit = first_utf8_unit(text);
    width += unit.kind == Utf8Unit::Kind::kCharacter ? width_of(unit.code_point) : 1;
    text.remove_prefix(unit.size);
  }
  return width;
}

std::string clean_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Unit unit = first_utf8_unit(text);
    const char32_t c = unit.code_point;
    if (unit.kind != Utf8Unit::Kind::kCharacter || c == 0xFFFE || c == 0xFFFF) {
      out += kReplacementCharacter;
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      out += ' ';
    } else {
      out += text.substr(0, unit.size);
    }
    text.remove_prefix(unit.size);
  }
  return out;
}

std::string padded(std::string_view text, int width, Align align) {
  const std::string space(static_cast<size_t>(std::max(0, width - display_width(text))), ' ');
  return align == Align::kLeft ? std::string(text) + space : space + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, int width) {
  const std::vector<Piece> pieces = pieces_of(text);
  std::vector<std::string> lines;
  for (size_t first = 0; first < pieces.size();) {
    const size_t count = line_length(pieces, first, width);
    std::string line;
    for (size_t i = first; i < first + count; ++i) line += pieces[i].text;
    while (!line.empty() && line.back() == ' ') line.pop_back();
    lines.push_back(std::move(line));
    first += count;
    while (first < pieces.size() && pieces[first].text == " ") ++first;
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

std::string repeated(std::string_view part, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += part;
  return out;
}

}  // namespace ernie::report
