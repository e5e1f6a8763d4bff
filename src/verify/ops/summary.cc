#include "verify/ops/summary.h"

#include <algorithm>

namespace ernie::verify::ops {
namespace {

void add(const CaseResult& c, Worst& w) {
  ++w.num_cases;
  const bool failed = !c.failures.empty();
  const double share = c.tolerance.emax > 0 ? c.error.emax / c.tolerance.emax : 0;
  const bool first_failure = failed && w.num_failed == 0;
  if (w.worst == nullptr || first_failure || (share > w.emax_share && w.num_failed == 0)) {
    w.worst = &c;
  }
  w.num_failed += failed ? 1 : 0;
  w.emax_share = std::max(w.emax_share, share);
  if (c.tolerance.erms > 0 && c.error.num_elements >= kMinElementsForRms) {
    w.erms_share = std::max(w.erms_share, c.error.erms / c.tolerance.erms);
  }
  w.num_allclose += c.error.allclose ? 1 : 0;
  w.num_mixed += c.error.mixed_passes ? 1 : 0;
  w.mere = std::max(w.mere, c.error.mere);
  w.mare = std::max(w.mare, c.error.mare);
  w.rmse = std::max(w.rmse, c.error.rmse);
  w.nmse = std::max(w.nmse, c.error.nmse);
  w.max_ulp = std::max(w.max_ulp, c.error.max_ulp);
  w.min_cosine = std::min(w.min_cosine, c.error.cosine);
}

}  // namespace

bool OpsConfiguration::passed() const {
  return suite.num_cases() > 0 && suite.num_failed() == 0 && canary.caught() &&
         (!injection || injection->passed());
}

int64_t OpsRun::num_cases() const {
  int64_t count = 0;
  for (const OpsConfiguration& c : configurations) count += c.suite.num_cases();
  return count;
}

int64_t OpsRun::num_failed() const {
  int64_t count = 0;
  for (const OpsConfiguration& c : configurations) count += c.suite.num_failed();
  return count;
}

bool OpsRun::passed() const {
  return !configurations.empty() && std::ranges::all_of(configurations, &OpsConfiguration::passed);
}

Worst worst_of(const OperationResults& operation) {
  Worst worst{.name = std::string(operation.op)};
  for (const CaseResult& c : operation.cases) add(c, worst);
  return worst;
}

std::vector<Worst> worst_by_input(const OperationResults& operation) {
  std::vector<Worst> all;
  for (const CaseResult& c : operation.cases) {
    auto at = std::ranges::find(all, c.input.kind, &Worst::name);
    if (at == all.end()) at = all.insert(all.end(), Worst{.name = c.input.kind});
    add(c, *at);
  }
  return all;
}

}  // namespace ernie::verify::ops
