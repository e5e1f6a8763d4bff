#pragma once

/// The verdict on a device's model: each stage alone, the whole pass, routing, and the
/// distributions that come out.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "verify/model/distribution.h"
#include "verify/model/routing.h"
#include "verify/model/tap_error.h"
#include "verify/model/truth.h"

namespace ernie::verify::model {

/// What is known beforehand.
struct CheckContext {
  ModelConfig config;
  Arithmetic arithmetic;
  bool is_golden = false;  ///< the recordings of tests/golden: docs/numerics.md, sections 2 to 5
  std::vector<std::vector<float>> router_bias;  ///< by layer; empty for a dense one
};

/// All passes over one prompt.
struct PromptRuns {
  PromptTruth truth;
  PassTrace free;   ///< the device by itself
  PassTrace alone;  ///< every stage from the truth's values
  PassTrace noisy;  ///< by itself with errors of the stages' budgets added
  std::map<TapPoint, Conditioning> conditioning;
};

/// Runs the device over some prompts, all of them in each pass. The errors that are added to prompt
/// i are drawn with first_seed + 2 i. Error: as ModelProbe::run.
Result<std::vector<PromptRuns>> run_prompts(ModelProbe& device, std::vector<PromptTruth> truths,
                                            const CheckContext& context, uint64_t first_seed);

/// One point of the pass, over all prompts.
struct PointResult {
  TapPoint point;
  TapError alone;  ///< of the stage that ends here, computed from the truth's values
  TapBudget budget;
  Conditioning conditioning;
  std::vector<std::string> failures;

  TapError free;                ///< of the whole pass up to here, over tokens routed alike so far
  int64_t num_free_tokens = 0;  ///< how many those are
  double free_all_l2 = 0;       ///< over all tokens
  double free_all_abs = 0;      ///< the same as the largest difference of a value
  double growth = 0;            ///< free l2 / that of the layer before; 0: none
  double yardstick = 0;         ///< l2 that errors of the budgets' size have grown to here
  double yardstick_abs = 0;     ///< the same as the largest difference of a value
  double original_l2 = -1;      ///< of the original in bfloat16, all tokens; -1: not recorded
  double original_abs = -1;
  bool departs = false;  ///< free is beyond kMaxOverYardstick yardsticks
};
constexpr double kMaxOverYardstick = 3;

struct RoutingResult {
  int64_t layer = 0;
  RoutingAgreement alone, free;
};

/// One rule, with what was found.
struct Check {
  std::string name;  ///< "stages", "kl_mean", … as the JSON has it
  report::Text words;
  double measured = 0, allowed = 0;
  bool passed = false;
};

struct ValueCanary {
  TapPoint point;
  int64_t row = 0, column = 0;
  double change = 0;  ///< what was added to a single value
  bool caught = false;
};

struct ModelCheck {
  std::vector<PointResult> points;
  std::vector<RoutingResult> routing;
  DistributionFigures distribution;             ///< over all tokens
  DistributionFigures alike;                    ///< over tokens routed alike
  std::optional<DistributionFigures> original;  ///< of the original in bfloat16
  std::vector<Check> checks;
  int64_t num_prompts = 0, num_tokens = 0, num_comparisons = 0;
  std::optional<TapPoint> departure;  ///< first point that is wrong
  report::Text departure_words;       ///< the same in plain words; empty if nothing is wrong
  std::optional<ValueCanary> canary;  ///< absent where the check is red anyway
  bool passed = false;
};

/// Collects prompts, then judges.
class ModelJudge {
 public:
  explicit ModelJudge(CheckContext context) : context_(std::move(context)) {}
  void add(const PromptRuns& runs);
  ModelCheck verdict() const;

 private:
  struct Sums {
    TapErrorSum alone, free, free_all, noise, original;
    int64_t num_free_tokens = 0;
    Conditioning conditioning;
    bool has_original = false;
  };
  void add_routing(const PromptRuns& runs);
  void add_point(const PromptRuns& runs, const TapPoint& point, const Values& want,
                 int64_t num_alike);
  void add_logits(const PromptRuns& runs, int64_t num_alike);
  void add_recorded_rules(const PromptRuns& runs);

  CheckContext context_;
  std::map<TapPoint, Sums> sums_;
  std::map<int64_t, RoutingResult> routing_;
  DistributionMeter all_, alike_, noise_, original_;
  int64_t num_prompts_ = 0, num_tokens_ = 0, longest_ = 0;
  bool has_original_ = false;
  double tap_share_ = 0, logits_share_ = 0, least_equal_ = 1;  // of what a golden recording allows
};

/// Adds an error just beyond the budget to one value of `runs` and says whether the verdict turns
/// red, as it must.
ValueCanary try_canary(const CheckContext& context, PromptRuns runs, const ModelCheck& green,
                       uint64_t seed);

}  // namespace ernie::verify::model
