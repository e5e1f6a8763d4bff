// attention. Keys and values arrive unrounded; the device rounds them as it stores
// them, the oracle gets them rounded. Blocks lie in random order among blocks of NaN, and the twin
// has another block size: the bits must be the same.

#include <algorithm>
#include <cmath>

#include "verify/ops/inputs.h"
#include "verify/ops/kv_scene.h"
#include "verify/ops/model_shapes.h"

namespace ernie::verify::ops {
namespace {

enum class Contents {
  kNormal,
  kDominant,
  kSinks,
  kNeedles,
  kWide,
  kLowScores,
  kPositive,
  kLarge,
  kTwoHigh
};
constexpr std::string_view kContentNames[] = {"normal",   "dominant key", "sinks",
                                              "needles",  "wide",         "low scores",
                                              "positive", "large values", "two high keys"};
constexpr int kNumContents = 9;

struct AttentionCase {
  QkvLayout layout;
  int64_t block_size;
  std::vector<SceneSequence> sequences;
  Contents contents;
  uint64_t seed;
};

/// Makes the key of a token agree with its sequence's last query so that its score is `score`.
void aim_key(Scene& scene, size_t sequence, int64_t token, double score) {
  const QkvLayout& l = scene.layout;
  const int64_t query = scene.first_query(sequence) + scene.sequences[sequence].num_queries - 1;
  const int64_t group = l.num_heads / l.num_kv_heads;
  for (int64_t h = 0; h < l.num_kv_heads; ++h) {
    const double* q =
        &scene.queries[static_cast<size_t>(query * l.q_size() + h * group * l.head_dim)];
    double* k = &scene.keys[static_cast<size_t>(
        (scene.first_token(sequence) + token) * scene.kv_size() + h * l.head_dim)];
    double square = 0;
    for (int64_t i = 0; i < l.head_dim; ++i) square += q[i] * q[i];
    const double factor = score * std::sqrt(static_cast<double>(l.head_dim)) / (square + 1e-9);
    for (int64_t i = 0; i < l.head_dim; ++i) k[i] = q[i] * factor;
  }
}

void scale_value(Scene& scene, size_t sequence, int64_t token, double factor) {
  double* v =
      &scene.values[static_cast<size_t>((scene.first_token(sequence) + token) * scene.kv_size())];
  for (int64_t i = 0; i < scene.kv_size(); ++i) v[i] *= factor;
}

/// Keys with a tenth of all probability each where indexing goes wrong: at both ends, at the edges
/// of blocks, at the edge of a chunk.
void place_needles(Scene& scene, const AttentionCase& c) {
  for (size_t s = 0; s < c.sequences.size(); ++s) {
    const int64_t n = c.sequences[s].context_len;
    const double score = std::log(static_cast<double>(n) + 10) - 1;
    for (const int64_t token : {int64_t{0}, n - 1, c.block_size - 1, c.block_size, n - 2,
                                n - c.sequences[s].num_queries, n / c.block_size * c.block_size}) {
      if (token < 0 || token >= n) continue;
      aim_key(scene, s, token, score);
      scale_value(scene, s, token, 30);
    }
  }
}

/// Two keys so far above all others that an exponential overflows unless the maximum is really
/// theirs: both in the same lane of a vector, half of the time in the first one.
void place_high_keys(Scene& scene, size_t sequence, Random& random) {
  constexpr int64_t kLanes = 16;
  const int64_t n = scene.sequences[sequence].context_len;
  int64_t first = random.below(std::max<int64_t>(n - kLanes, 1));
  if (random.chance(0.5)) first = first / kLanes * kLanes;
  aim_key(scene, sequence, first, 300);
  if (first + kLanes < n) aim_key(scene, sequence, first + kLanes, 299);
}

void shape_contents(Scene& scene, const AttentionCase& c, Random& random) {
  for (size_t s = 0; s < c.sequences.size(); ++s) {
    const int64_t n = c.sequences[s].context_len;
    if (c.contents == Contents::kDominant) aim_key(scene, s, random.below(n), 100);
    if (c.contents == Contents::kTwoHigh) place_high_keys(scene, s, random);
    if (c.contents == Contents::kSinks) {
      for (int64_t i = 0; i < std::min<int64_t>(4, n); ++i) aim_key(scene, s, i, 12);
    }
  }
  if (c.contents == Contents::kNeedles) place_needles(scene, c);
  for (double& q : scene.queries) {
    if (c.contents == Contents::kWide) q *= 8;
  }
  if (c.contents == Contents::kLowScores) {
    // All keys alike and opposite to the queries' mean: scores far below zero, close together.
    for (double& k : scene.keys) k = -3 + 0.1 * k;
    for (double& q : scene.queries) q = std::abs(q);
  }
  for (double& v : scene.values) {
    if (c.contents == Contents::kPositive) v = std::abs(v) + 0.5;
    if (c.contents == Contents::kLarge) v *= 1e4;
  }
}

Scene make_scene(const AttentionCase& c, DType act, Random& random) {
  Scene scene{.layout = c.layout, .sequences = c.sequences};
  using enum InputClass;
  const int64_t tokens = scene.num_tokens();
  scene.queries = make_values(kNormal, scene.num_queries(), c.layout.q_size(), act, random);
  scene.keys = make_values(kNormal, tokens, scene.kv_size(), act, random);
  scene.values = make_values(kNormal, tokens, scene.kv_size(), act, random);
  shape_contents(scene, c, random);
  for (auto* all : {&scene.queries, &scene.keys, &scene.values}) {
    for (double& x : *all) x = round_to(act, x);
  }
  return scene;
}

/// What rounding may do to one head of one query, computed from its probabilities in double.
class HeadBudget {
 public:
  HeadBudget(const Scene& scene, const SceneQuery& query, int64_t head, const Plan& plan)
      : plan_(plan),
        num_keys_(static_cast<size_t>(query.num_keys)),
        dim_(static_cast<size_t>(scene.layout.head_dim)) {
    const int64_t kv_head = head / (scene.layout.num_heads / scene.layout.num_kv_heads);
    const int64_t first = scene.first_token(query.sequence);
    const double* q = &scene.queries[static_cast<size_t>(query.row * scene.layout.q_size() +
                                                         head * scene.layout.head_dim)];
    for (int64_t n = 0; n < query.num_keys; ++n) {
      const auto at =
          static_cast<size_t>((first + n) * scene.kv_size() + kv_head * scene.layout.head_dim);
      values_.push_back(&scene.values[at]);
      add_score(q, &scene.keys[at]);
    }
    normalise();
  }

  double of(size_t element, double want) const {
    double absolute = 0, squares = 0, shifted = 0, stored_squares = 0;
    for (size_t n = 0; n < num_keys_; ++n) {
      const double v = values_[n][element];
      absolute += p_[n] * std::abs(v);
      squares += p_[n] * v * (p_[n] * v);
      shifted += p_[n] * score_error_[n] * std::abs(v - want);
      const double stored = p_[n] * 2 * stored_score(n) * std::abs(v - want);
      stored_squares += stored * stored;
    }
    const double u_acc = unit_roundoff(DType::kF32), u_mid = unit_roundoff(plan_.act);
    return u_mid * std::abs(want) +
           4 * std::sqrt(static_cast<double>(num_keys_)) * u_acc * absolute +
           2 * u_mid * std::sqrt(squares) + shifted + 2 * std::sqrt(stored_squares) +
           half_smallest(plan_.act);
  }

 private:
  void add_score(const double* q, const double* k) {
    double dot = 0, squares = 0;
    for (size_t i = 0; i < dim_; ++i) {
      const double product = q[i] * round_to(plan_.store, k[i]);
      dot += product;
      squares += product * product;
    }
    const double scale = 1 / std::sqrt(static_cast<double>(dim_));
    score_.push_back(dot * scale);
    score_error_.push_back(std::sqrt(static_cast<double>(dim_) * squares) * scale *
                           unit_roundoff(DType::kF32));
  }

  void normalise() {
    const double max = *std::max_element(score_.begin(), score_.end());
    double sum = 0;
    for (const double s : score_) sum += std::exp(s - max);
    for (size_t n = 0; n < num_keys_; ++n) {
      p_.push_back(std::exp(score_[n] - max) / sum);
      const double size = std::abs(score_[n]) + std::abs(max);
      score_error_[n] += 3 * unit_roundoff(DType::kF32) * size;
    }
  }

  /// bfloat16 activations store the score; each for itself, so these errors add in their squares.
  double stored_score(size_t n) const {
    return plan_.act == DType::kBF16 ? unit_roundoff(plan_.act) * std::abs(score_[n]) : 0;
  }

  const Plan& plan_;
  size_t num_keys_, dim_;
  std::vector<const double*> values_;
  std::vector<double> score_, score_error_, p_;
};

/// Queries to hold against the oracle: few where contexts are long.
std::vector<SceneQuery> sampled_queries(const Scene& scene, Random& random) {
  const std::vector<SceneQuery> all = scene_queries(scene);
  std::vector<SceneQuery> sampled;
  int64_t keys_left = 6000 / std::max<int64_t>(scene.layout.num_heads, 1);
  for (const int64_t i :
       sample_indices(static_cast<int64_t>(all.size()), std::min<int64_t>(8, keys_left), random)) {
    const SceneQuery& query = all[static_cast<size_t>(i)];
    if (!sampled.empty() && query.num_keys > keys_left) continue;
    keys_left -= query.num_keys;
    sampled.push_back(query);
  }
  return sampled;
}

ErrorSummary compare(const Scene& scene, const std::vector<SceneQuery>& sampled,
                     const std::vector<double>& got, const std::vector<double>& want,
                     const Plan& plan, Random& random) {
  ErrorMeter meter(plan.act);
  const QkvLayout& l = scene.layout;
  for (size_t i = 0; i < sampled.size(); ++i) {
    const int64_t keep = sampled[i].num_keys > 2000 ? 2 : l.num_heads;
    for (const int64_t head : sample_indices(l.num_heads, keep, random)) {
      const HeadBudget budget(scene, sampled[i], head, plan);
      for (int64_t d = 0; d < l.head_dim; ++d) {
        const int64_t column = head * l.head_dim + d;
        const int64_t index = sampled[i].row * l.q_size() + column;
        const double truth =
            want[i * static_cast<size_t>(l.q_size()) + static_cast<size_t>(column)];
        meter.add(index, got[static_cast<size_t>(index)], truth,
                  budget.of(static_cast<size_t>(d), truth));
      }
    }
  }
  return meter.summary();
}

Result<void> run_attention(const Plan& plan, const AttentionCase& c, Rig& rig,
                           const CaseSink& sink) {
  Random random(c.seed);
  const Scene scene = make_scene(c, plan.act, random);
  ERNIE_TRY(const PlacedScene placed, PlacedScene::place(scene, rig.device(), plan.act, DType::kF64,
                                                         c.block_size, random.bits()));
  ERNIE_TRY(const std::vector<double> got, placed.run());
  const std::vector<SceneQuery> sampled = sampled_queries(scene, random);
  ERNIE_TRY(const PlacedScene truth,
            PlacedScene::place(scene, rig.oracle(), DType::kF64, plan.store, 16, random.bits()));
  ERNIE_TRY(const std::vector<double> want, truth.run(sampled));

  CaseResult result{.op = "attention",
                    .shape = describe(c.layout, c.block_size, c.sequences),
                    .input = {std::string(kContentNames[static_cast<size_t>(c.contents)]), ""},
                    .seed = c.seed,
                    .tolerance = {.emax = 1.5, .erms = 0.75}};
  // Of few keys one can have all the weight, or each the same: then nothing need be rounded.
  const bool inexact = std::ranges::any_of(sampled, [](const auto& q) { return q.num_keys > 8; });
  result.error = compare(scene, sampled, got, want, plan, random);
  result.failures = failed_checks(result.error, result.tolerance, inexact);
  const SceneQuery& alone = sampled.back();
  const std::vector<int64_t> row{alone.row};
  ERNIE_TRY(const std::vector<double> alone_got, placed.run({alone}));
  if (!same_bits(alone_got, rows_of(got, c.layout.q_size(), row))) {
    result.failures.emplace_back("batch invariance");
  }
  if (scene.num_tokens() % 3 == 1) {
    const int64_t other_block_size = c.block_size == 16 ? 5 : 16;
    ERNIE_TRY(const PlacedScene twin, PlacedScene::place(scene, rig.twin(), plan.act, DType::kF64,
                                                         other_block_size, random.bits()));
    ERNIE_TRY(const std::vector<double> twin_got, twin.run());
    if (!same_bits(twin_got, got)) result.failures.emplace_back("threads and blocks");
  }
  sink(std::move(result));
  return {};
}

std::vector<SceneSequence> random_sequences(int64_t most, Random& random) {
  std::vector<SceneSequence> sequences;
  const int64_t count = random.between(1, 4);
  for (int64_t s = 0; s < count; ++s) {
    const int64_t context = random.between(1, most);
    // A sequence without queries in this step is none of attention's business.
    const int64_t queries =
        random.chance(0.5) ? 1 : random.between(1, std::min<int64_t>(context, 9));
    sequences.push_back({context, random.chance(0.1) && s > 0 ? 0 : queries});
  }
  return sequences;
}

class AttentionCases {
 public:
  explicit AttentionCases(const Plan& plan) : plan_(plan) {}
  void add(const QkvLayout& layout, int64_t block_size, std::vector<SceneSequence> sequences,
           Contents contents) {
    cases.push_back(
        {layout, block_size, std::move(sequences), contents, sub_seed(plan_.seed, cases.size())});
  }
  std::vector<AttentionCase> cases;

 private:
  const Plan& plan_;
};

void add_faults(AttentionCases& to) {
  for (const Contents contents :
       {Contents::kNormal, Contents::kNeedles, Contents::kSinks, Contents::kDominant}) {
    to.add({5, 1, 32}, 4, {{1, 1}, {9, 3}, {16, 1}, {23, 5}}, contents);
    to.add({4, 2, 16}, 16, {{40, 1}, {33, 2}, {5, 5}}, contents);
    to.add({2, 2, 16}, 8, {{200, 1}, {17, 17}}, contents);
    to.add({6, 3, 34}, 3, {{7, 2}, {20, 1}}, contents);
  }
}

void add_model(AttentionCases& to) {
  const QkvLayout model = layout_of(model_calls("attention").front());
  for (const Contents contents : {Contents::kNormal, Contents::kNeedles}) {
    to.add(model, 16, {{1, 1}, {17, 1}, {512, 1}, {129, 64}}, contents);
    to.add(model, 16, {{4097, 1}}, contents);
    to.add(model, 16, {{4096 + 17, 17}}, contents);
    to.add({5, 1, 128}, 16, {{32768, 1}}, contents);
  }
  for (int i = 0; i < 3; ++i) {
    to.add(model, 16, {{100, 1}, {115, 1}, {80, 1}}, Contents::kTwoHigh);
  }
  to.add({5, 1, 128}, 16, {{kMaxPosition, 1}}, Contents::kNeedles);
}

void add_full(AttentionCases& to, const Plan& plan) {
  Random random(sub_seed(plan.seed, 5));
  const std::vector<QkvLayout>& shards = shard_layouts();
  const auto contents = [&] { return static_cast<Contents>(random.below(kNumContents)); };
  constexpr int64_t kBlockSizes[] = {1, 3, 4, 16, 32};
  const auto block_size = [&] { return kBlockSizes[random.below(5)]; };
  for (const int64_t length : {1, 2, 15, 16, 17, 31, 32, 33, 127, 128, 129, 511, 512, 1000}) {
    for (int c = 0; c < kNumContents; ++c) {
      to.add(kModelLayout, 16, {{length, 1}}, static_cast<Contents>(c));
      for (const QkvLayout& shard : shards) {
        to.add(shard, block_size(), {{length, 1}, {length, std::min<int64_t>(length, 3)}},
               static_cast<Contents>(c));
      }
    }
  }
  for (const int64_t past : {0, 1, 17, 512}) {
    for (const int64_t chunk : {1, 2, 15, 16, 17, 33}) {
      for (int c = 0; c < kNumContents; ++c) {
        to.add(shards[static_cast<size_t>(c) % shards.size()], block_size(),
               {{past + chunk, chunk}}, static_cast<Contents>(c));
      }
    }
  }
  for (const int64_t length : {2048, 4096, 8192}) {
    for (int c = 0; c < kNumContents; ++c) to.add(shards[1], 16, {{length, 1}}, contents());
  }
  for (size_t i = 0; i < 9300; ++i) {
    const QkvLayout& layout = i % 3 == 0 ? shards[i % shards.size()] : kOddLayouts[i % 5];
    to.add(layout, block_size(), random_sequences(i % 10 == 0 ? 200 : 40, random), contents());
  }
}

std::vector<CaseGroup> attention_groups(const Plan& plan) {
  AttentionCases to(plan);
  if (plan.suite == Suite::kPublished) {
    for (const Operation& check : published_checks("attention")) {
      std::vector<SceneSequence> sequences;
      for (const QuerySpan& s : sequences_of(check)) {
        sequences.push_back({s.context_len, s.num_queries});
      }
      to.add(layout_of(check), 16, std::move(sequences), Contents::kNormal);
    }
  } else if (plan.suite == Suite::kFaults) {
    add_faults(to);
  } else if (plan.suite == Suite::kModel) {
    add_model(to);
  } else {
    add_full(to, plan);
  }
  return grouped<AttentionCase>("attention", to.cases, plan, run_attention);
}

}  // namespace

OperationCases attention_cases() { return {"attention", attention_groups}; }

}  // namespace ernie::verify::ops
