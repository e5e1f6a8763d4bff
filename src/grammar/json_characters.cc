#include "grammar/json_characters.h"

#include <algorithm>

namespace ernie {
namespace {

// The state: in bits 28 to 31 what is read, then its parts.
enum Mode : uint32_t {
  kNothing = 0,
  kUtf8 = 1,       // bits 24 to 25: bytes to come; 21 to 22: bytes in all, less 2; 0 to 20: so far
  kEscape = 2,     // behind the backslash
  kHex = 3,        // behind \u; bits 24 to 26: digits to come; 0 to 15: so far
  kLowEscape = 4,  // a high surrogate was read: a backslash must follow; 0 to 9: its bits
  kLowLetter = 5,  // and then a u
  kLowHex = 6,     // and four digits; bits 24 to 26: to come; 10 to 25: so far
};
constexpr uint32_t kShift = 28;

constexpr CharacterReader::Step kRefuse = {CharacterReader::Event::kRefused, 0, 0};

// What no \u may stand for: all of these may be written as they are or behind a backslash.
constexpr char32_t kFirstPrintable = 0x20, kLastPrintable = 0x7E;

CharacterReader::Step pending(uint32_t mode, uint32_t rest) {
  return {CharacterReader::Event::kPending, mode << kShift | rest, 0};
}
CharacterReader::Step character(char32_t c) { return {CharacterReader::Event::kCharacter, 0, c}; }

struct CodePointRange {
  char32_t first, last;
};

/// The well-formed characters that a beginning of one leads to; empty if first is above last.
CodePointRange utf8_range(uint32_t state) {
  const uint32_t num_left = state >> 24 & 3, num_more = state >> 21 & 3;
  const char32_t so_far = state & 0x1FFFFF;
  constexpr char32_t kLeast[] = {0x80, 0x800, 0x10000};
  char32_t first = so_far << 6 * num_left, last = ((so_far + 1) << 6 * num_left) - 1;
  if (first < kLeast[num_more]) first = kLeast[num_more];
  if (last > kMaxCodePoint) last = kMaxCodePoint;
  if (first >= 0xD800 && first <= 0xDFFF) first = 0xE000;
  if (last >= 0xD800 && last <= 0xDFFF) last = 0xD7FF;
  return {first, last};
}

int hex_digit(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const int letter = (byte | 0x20) - 'a';
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

char32_t short_escape(uint8_t byte) {
  switch (byte) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '"':
    case '\\':
    case '/':
      return byte;
    default:
      return kMaxCodePoint + 1;
  }
}

CharacterReader::Step read_hex(uint32_t state, uint8_t byte) {
  const int digit = hex_digit(byte);
  if (digit < 0) return kRefuse;
  const uint32_t num_left = (state >> 24 & 7) - 1;
  const uint32_t value = (state & 0xFFFF) << 4 | static_cast<uint32_t>(digit);
  const CharacterReader::Step next = pending(kHex, num_left << 24 | value);
  if (CharacterReader::possible(next.state).size == 0) return kRefuse;
  if (num_left > 0) return next;
  if (value >= 0xD800 && value <= 0xDBFF) return pending(kLowEscape, value - 0xD800);
  return character(value);
}

CharacterReader::Step read_low_hex(uint32_t state, uint8_t byte) {
  const int digit = hex_digit(byte);
  if (digit < 0) return kRefuse;
  // 4 digits of a low surrogate, DC00 to DFFF: the first is D, the second C to F.
  const uint32_t num_left = (state >> 24 & 7) - 1;
  if (num_left == 3 && digit != 0xD) return kRefuse;
  if (num_left == 2 && digit < 0xC) return kRefuse;
  const uint32_t high = state & 0x3FF,
                 low = (state >> 10 & 0x3FF) << 4 | static_cast<uint32_t>(digit);
  if (num_left > 0) return pending(kLowHex, num_left << 24 | (low & 0x3FF) << 10 | high);
  return character(0x10000 + (high << 10) + (low & 0x3FF));
}

}  // namespace

CharacterReader::Step CharacterReader::read_utf8(uint32_t state, uint8_t byte) {
  if (state == 0) {
    if (byte < 0x80) return character(byte);
    if (byte < 0xC2 || byte > 0xF4) return kRefuse;
    const uint32_t more = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    return pending(kUtf8, more << 24 | (more - 1) << 21 | (byte & (0x3Fu >> more)));
  }
  if ((byte & 0xC0) != 0x80) return kRefuse;
  const uint32_t num_left = (state >> 24 & 3) - 1;
  const uint32_t value = (state & 0x1FFFFF) << 6 | (byte & 0x3F);
  const uint32_t next = num_left << 24 | (state & 3u << 21) | (value & 0x1FFFFF);
  const CodePointRange range = utf8_range(next);
  if (range.first > range.last) return kRefuse;
  return num_left == 0 ? character(value) : pending(kUtf8, next);
}

CharacterReader::Step CharacterReader::read_json(uint32_t state, uint8_t byte) {
  switch (state >> kShift) {
    case kNothing:
      if (byte == '"') return {Event::kQuote, 0, 0};
      if (byte == '\\') return pending(kEscape, 0);
      if (byte < 0x20) return kRefuse;
      return read_utf8(0, byte);
    case kUtf8:
      return read_utf8(state, byte);
    case kEscape: {
      if (byte == 'u') return pending(kHex, 4u << 24);
      const char32_t c = short_escape(byte);
      return c > kMaxCodePoint ? kRefuse : character(c);
    }
    case kHex:
      return read_hex(state, byte);
    case kLowEscape:
      return byte == '\\' ? pending(kLowLetter, state & 0x3FF) : kRefuse;
    case kLowLetter:
      return byte == 'u' ? pending(kLowHex, 4u << 24 | (state & 0x3FF)) : kRefuse;
    default:
      return read_low_hex(state, byte);
  }
}

CharacterReader::Possible CharacterReader::possible(uint32_t state) {
  Possible found;
  const auto add = [&found](char32_t first, char32_t last) {
    if (first <= last) found.ranges[found.size++] = {first, last};
  };
  const uint32_t num_left = state >> 24 & 7;
  switch (state >> kShift) {
    case kEscape:
      add(0, kFirstPrintable - 1);
      for (const char32_t c : {U'"', U'/', U'\\'}) add(c, c);
      add(kLastPrintable + 1, kMaxCodePoint);
      break;
    case kUtf8: {
      const CodePointRange range = utf8_range(state);
      add(range.first, range.last);
      break;
    }
    case kHex: {
      const char32_t first = (state & 0xFFFF) << 4 * num_left;
      const char32_t last = first | ((1u << 4 * num_left) - 1);
      add(first, std::min<char32_t>(last, kFirstPrintable - 1));
      add(std::max<char32_t>(first, kLastPrintable + 1), std::min<char32_t>(last, 0xD7FF));
      add(std::max<char32_t>(first, 0xE000), last);
      const char32_t from = std::max<char32_t>(first, 0xD800);
      const char32_t to = std::min<char32_t>(last, 0xDBFF);
      if (from <= to)
        add(0x10000 + ((from - 0xD800) << 10), 0x10000 + ((to - 0xD800) << 10) + 0x3FF);
      break;
    }
    case kLowEscape:
    case kLowLetter: {
      const char32_t first = 0x10000 + ((state & 0x3FF) << 10);
      add(first, first + 0x3FF);
      break;
    }
    case kLowHex: {
      // The bits of the low surrogate that are known: none before its second digit.
      const uint32_t num_bits = num_left >= 3 ? 10 : num_left == 2 ? 8 : 4;
      const uint32_t known = num_left >= 3 ? 0 : (state >> 10 & (num_left == 2 ? 3u : 0x3Fu));
      const char32_t first = 0x10000 + ((state & 0x3FF) << 10) + (known << num_bits);
      add(first, first + ((1u << num_bits) - 1));
      break;
    }
    default:
      add(0, kMaxCodePoint);
  }
  return found;
}

bool CharacterReader::can_finish(uint32_t state, const Dfa& dfa, uint32_t dfa_state) {
  const Possible characters = possible(state);
  for (size_t i = 0; i < characters.size; ++i) {
    if (dfa.can_follow(dfa_state, characters.ranges[i].first, characters.ranges[i].last)) {
      return true;
    }
  }
  return false;
}

}  // namespace ernie
