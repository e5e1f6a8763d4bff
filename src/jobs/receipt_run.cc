#include "jobs/receipt_run.h"

#include <algorithm>
#include <set>

namespace ernie {

bool ReceiptRun::passed() const {
  return counts.num_receipts > 0 && counts.num_departing == 0 && of_file.empty() &&
         (!canary || !canary->finding.empty());
}

void add_departing(ReceiptRun& run, DepartingLine line) {
  ++run.counts.num_departing;
  std::set<std::string> kinds;
  for (const Finding& finding : line.findings) {
    kinds.insert(finding.what.empty() ? "line" : finding.what);
  }
  for (const std::string& kind : kinds) {
    const bool is_counted = run.kinds.contains(kind) || run.kinds.size() < kMaxKinds;
    ++run.kinds[is_counted ? kind : "other"];
  }
  // They come as they are computed; those that come first in the file are kept.
  const auto place =
      std::ranges::upper_bound(run.departing, line.line_number, {}, &DepartingLine::line_number);
  run.departing.insert(place, std::move(line));
  if (run.departing.size() > kMaxListedLines) run.departing.pop_back();
}

}  // namespace ernie
