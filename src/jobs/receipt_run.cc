#include "jobs/receipt_run.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace ernie {

bool ReceiptRun::passed() const {
  return counts.num_receipts > 0 && counts.num_departing == 0 && of_file.empty() &&
         (!canary || !canary->finding.empty());
}

std::string kind_of_finding(const std::string& finding) {
  const auto is_name = [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
  };
  const auto end = std::ranges::find_if_not(finding, is_name);
  const std::string name(finding.begin(), end);
  const std::string_view rest(end, finding.end());
  const bool is_counted =
      rest.size() > 1 && rest[0] == ' ' && std::isdigit(static_cast<unsigned char>(rest[1]));
  const bool is_field = rest.starts_with(':') || rest.starts_with('[') || rest.starts_with('.');
  return !name.empty() && (is_counted || is_field) ? name : "line";
}

void add_departing(ReceiptRun& run, DepartingLine line) {
  ++run.counts.num_departing;
  std::set<std::string> kinds;
  for (const std::string& finding : line.findings) kinds.insert(kind_of_finding(finding));
  for (const std::string& kind : kinds) ++run.kinds[kind];
  // They come as they are computed; those that come first in the file are kept.
  const auto place =
      std::ranges::upper_bound(run.departing, line.line_number, {}, &DepartingLine::line_number);
  run.departing.insert(place, std::move(line));
  if (run.departing.size() > kMaxListedLines) run.departing.pop_back();
}

}  // namespace ernie
