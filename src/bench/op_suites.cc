#include "bench/op_suites.h"

#include <algorithm>
#include <set>

namespace ernie::bench {
namespace {

constexpr int64_t kDecodeBatches[] = {1, 4, 16};
constexpr int64_t kDepths[] = {512, 4096, 32768};
constexpr int64_t kPrompts[] = {128, 512};
constexpr int64_t kMaxLogitsRows = 64;  // of a step of the engine

/// A case beside the others of its name, which have the same weights.
void add_to_its_name(std::vector<OpCase>& cases, Operation operation) {
  const auto has_its_name = [&](const OpCase& c) { return c.operation.name == operation.name; };
  const auto last = std::find_if(cases.rbegin(), cases.rend(), has_its_name);
  const auto at = last == cases.rend() ? cases.end() : last.base();
  cases.insert(at, {std::move(operation), std::nullopt});
}

}  // namespace

std::vector<OpCase> published_suite() {
  std::vector<OpCase> cases;
  for (PublishedOperation& published : published_operations()) {
    if (!published.figure) continue;
    cases.push_back({std::move(published.operation), published.figure});
  }
  return cases;
}

std::vector<OpCase> model_suite(const ModelConfig& config) {
  std::vector<OpCase> cases;
  std::set<std::pair<std::string, std::string>> seen;
  const auto add_step = [&](const std::vector<QuerySpan>& sequences, int64_t num_logits_rows) {
    for (Operation& operation : model_operations(config, {}, sequences, num_logits_rows)) {
      // Most do not depend on the depth.
      if (!seen.insert({operation.name, operation.shape}).second) continue;
      add_to_its_name(cases, std::move(operation));
    }
  };
  for (const int64_t depth : kDepths) {
    for (const int64_t batch : kDecodeBatches) {
      add_step(std::vector<QuerySpan>(static_cast<size_t>(batch), {1, depth}), batch);
    }
  }
  for (const int64_t length : kPrompts) {
    add_step({{length, length}}, std::min(length, kMaxLogitsRows));
  }
  return cases;
}

}  // namespace ernie::bench
