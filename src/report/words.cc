#include "report/words.h"

#include "report/text_width.h"

namespace ernie::report {

std::string verdict_word(Verdict verdict, Language language) {
  const bool zh = language == Language::kChinese;
  switch (verdict) {
    case Verdict::kPass:
      return zh ? "通过" : "PASS";
    case Verdict::kWarn:
      return zh ? "警告" : "WARN";
    case Verdict::kFail:
      return zh ? "失败" : "FAIL";
    case Verdict::kNone:
      break;
  }
  return "";
}

std::string verdict_sign(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "✓";
    case Verdict::kWarn:
      return "!";
    case Verdict::kFail:
      return "✗";
    case Verdict::kNone:
      break;
  }
  return "";
}

std::string cell_text(const Cell& cell, Language language) {
  const std::string text = clean_text(cell.text.in(language));
  return text.empty() ? verdict_word(cell.verdict, language) : text;
}

}  // namespace ernie::report
