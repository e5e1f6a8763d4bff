#pragma once

/// The phrases that the renderers themselves add to a report.

#include <string>

#include "report/report.h"

namespace ernie::report {

/// "PASS", "通过"; empty for kNone.
std::string verdict_word(Verdict verdict, Language language);
/// Told apart without colour: ✓ ! ✗; empty for kNone.
std::string verdict_sign(Verdict verdict);

/// Of what a cell shows: its text; without one, the verdict's word.
std::string cell_text(const Cell& cell, Language language);

inline const Text kEnvironmentWord("Environment", "环境");
inline const Text kContentsWord("Contents", "目录");
inline const Text kDataWord("Data of the chart", "图表数据");
inline const Text kLogWord("log scale", "对数刻度");
inline const Text kLimitWord("limit", "上限");
inline const Text kNoDataWord("no data", "无数据");

}  // namespace ernie::report
