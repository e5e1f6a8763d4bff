// store_kv, seen through attention: keys make every query see one slot alone, so that what comes
// out is the stored value, bit for bit.

#include "verify/ops/inputs.h"
#include "verify/ops/kv_scene.h"

namespace ernie::verify::ops {
namespace {

struct StoreKvCase {
  QkvLayout layout;
  int64_t block_size;
  std::vector<int64_t> lengths;  // of the sequences; all tokens are queries
  InputClass input;
  uint64_t seed;
};

/// Token i of a sequence has its key along axis i, and its query too: contexts are at most head_dim
/// long. Scores are then 0 and some thousands, so every other probability is exactly 0.
Scene make_scene(const StoreKvCase& c, DType act, Random& random) {
  Scene scene{.layout = c.layout};
  for (const int64_t length : c.lengths) scene.sequences.push_back({length, length});
  const int64_t tokens = scene.num_tokens(), dim = c.layout.head_dim;
  scene.values = make_values(c.input, tokens, scene.kv_size(), act, random);
  scene.keys.assign(static_cast<size_t>(tokens * scene.kv_size()), 0);
  scene.queries.assign(static_cast<size_t>(scene.num_queries() * c.layout.q_size()), 0);
  for (const SceneQuery& query : scene_queries(scene)) {
    const int64_t axis = query.num_keys - 1;
    const int64_t token = scene.first_token(query.sequence) + axis;
    for (int64_t h = 0; h < c.layout.num_kv_heads; ++h) {
      scene.keys[static_cast<size_t>(token * scene.kv_size() + h * dim + axis)] = 1024;
    }
    for (int64_t h = 0; h < c.layout.num_heads; ++h) {
      scene.queries[static_cast<size_t>(query.row * c.layout.q_size() + h * dim + axis)] = 1024;
    }
  }
  return scene;
}

ErrorSummary compare(const Scene& scene, const std::vector<double>& got, const Plan& plan) {
  ErrorMeter meter(plan.act);
  const QkvLayout& l = scene.layout;
  const int64_t group = l.num_heads / l.num_kv_heads;
  for (const SceneQuery& query : scene_queries(scene)) {
    const int64_t token = scene.first_token(query.sequence) + query.num_keys - 1;
    for (int64_t column = 0; column < l.q_size(); ++column) {
      const int64_t kv_head = column / l.head_dim / group;
      const int64_t from = token * scene.kv_size() + kv_head * l.head_dim + column % l.head_dim;
      const int64_t index = query.row * l.q_size() + column;
      const double stored = round_to(plan.store, scene.values[static_cast<size_t>(from)]);
      meter.add(index, got[static_cast<size_t>(index)], round_to(plan.act, stored), 0);
    }
  }
  return meter.summary();
}

Result<void> run_store_kv(const Plan& plan, const StoreKvCase& c, Rig& rig, const CaseSink& sink) {
  Random random(c.seed);
  const Scene scene = make_scene(c, plan.act, random);
  ERNIE_TRY(const PlacedScene placed, PlacedScene::place(scene, rig.device(), plan.act, DType::kF64,
                                                         c.block_size, random.bits()));
  ERNIE_TRY(const std::vector<double> got, placed.run());
  CaseResult result{.op = "store_kv",
                    .shape = describe(c.layout, c.block_size, scene.sequences),
                    .input = {std::string(input_class_name(c.input)), ""},
                    .seed = c.seed,
                    .tolerance = {0, 0}};
  result.error = compare(scene, got, plan);
  result.failures = failed_checks(result.error, result.tolerance, false);
  sink(std::move(result));
  return {};
}

std::vector<StoreKvCase> make_cases(const Plan& plan) {
  constexpr InputClass kInputs[] = {InputClass::kNormal, InputClass::kHeavyTail,
                                    InputClass::kSmall,  InputClass::kLarge,
                                    InputClass::kZeros,  InputClass::kSubnormal};
  std::vector<StoreKvCase> cases;
  Random random(sub_seed(plan.seed, 6));
  const auto add = [&](const QkvLayout& layout, int64_t block_size, int64_t longest) {
    std::vector<int64_t> lengths;
    for (int64_t s = random.between(1, 3); s > 0; --s)
      lengths.push_back(random.between(1, longest));
    cases.push_back({layout, block_size, std::move(lengths), kInputs[cases.size() % 6],
                     sub_seed(plan.seed, cases.size())});
  };
  switch (plan.suite) {
    case Suite::kPublished:
      break;
    case Suite::kFaults:
      for (int i = 0; i < 6; ++i) add({4, 2, 16}, 4, 16);
      break;
    case Suite::kModel:
      for (const Operation& call : model_calls("store_kv")) {
        for (int i = 0; i < 12; ++i) add(layout_of(call), 16, 60);
      }
      break;
    case Suite::kFull: {
      const std::vector<QkvLayout>& shards = shard_layouts();
      for (size_t i = 0; i < 10'100; ++i) {
        const bool whole = i % 8 == 0;
        const QkvLayout& odd = i % 4 == 1 ? shards[i / 4 % shards.size()] : kOddLayouts[i % 3];
        add(whole ? kModelLayout : odd, 1 + static_cast<int64_t>(i % 19), whole ? 20 : 10);
      }
      break;
    }
  }
  return cases;
}

std::vector<CaseGroup> store_kv_groups(const Plan& plan) {
  return grouped<StoreKvCase>("store_kv", make_cases(plan), plan, run_store_kv);
}

}  // namespace

OperationCases store_kv_cases() { return {"store_kv", store_kv_groups}; }

}  // namespace ernie::verify::ops
