#pragma once

/// What was found in a whole results file whose answers were computed again.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jobs/receipt_check.h"

namespace ernie {

struct ReceiptCounts {
  int64_t num_lines = 0;
  int64_t num_receipts = 0;  ///< whole ones
  int64_t num_verified = 0;  ///< lines
  int64_t num_departing = 0;
  int64_t num_without_answer = 0;  ///< neither of them: rows that were errors
  int64_t num_tokens = 0;          ///< computed again
};

struct DepartingLine {
  int64_t line_number = 0;
  std::string id;  ///< as JSON; empty if the line does not tell
  Findings findings;
};

/// An answer that held, checked once more with one bit of one logit changed.
struct ReceiptCanary {
  int64_t line_number = 0;
  int64_t token = 0;
  std::string finding;  ///< empty: it was not noticed
};

struct ReceiptRun {
  ReceiptCounts counts;
  std::vector<DepartingLine> departing;  ///< the first kMaxListedLines of them, by line
  std::map<std::string, int64_t> kinds;  ///< what departs, or "line": in how many of them
  std::vector<std::string> of_file;      ///< what is wrong with the file as a whole
  std::optional<ReceiptCanary> canary;   ///< absent if no answer with a token held
  double seconds = 0;

  /// Something was checked, all of it held, and the canary did not.
  bool passed() const;
};

/// A file of a million rows that all depart, each in a member that it made up, must not fill the
/// memory: beyond so many names a new one is counted as "other".
inline constexpr size_t kMaxListedLines = 1000, kMaxKinds = 100;

/// Counts a line that departs, and keeps it if it is among the first.
void add_departing(ReceiptRun& run, DepartingLine line);

}  // namespace ernie
