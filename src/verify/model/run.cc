#include "verify/model/run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/memory_info.h"
#include "verify/faults/faulty_backend.h"

namespace ernie::verify::model {
namespace {

/// What PromptRuns holds of each value, and one to spare.
constexpr double kTracesOfAPrompt = 6;
/// Rows of logits of one side at a time bound the memory of a long text.
constexpr int64_t kTextStep = 64;
// docs/numerics.md, "A whole model".
constexpr double kFloat32Nll = 2e-6, kBfloat16Nll = 5e-3;
constexpr double kFloat32Kl = 1e-8, kBfloat16Kl = 1e-2;

Result<std::vector<std::vector<float>>> read_bias(const WeightSource& weights) {
  const ModelConfig& config = weights.config();
  std::vector<std::vector<float>> all(static_cast<size_t>(config.num_layers));
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    if (!config.is_moe_layer(layer)) continue;
    ERNIE_TRY(const HostMatrix bias,
              weights.read(
                  fmt::format("model.layers.{}.mlp.moe_statics.e_score_correction_bias", layer)));
    const HostTensor wide = bias.to_tensor(DType::kF32);
    const auto values = wide.values<float>();
    all[static_cast<size_t>(layer)].assign(values.begin(), values.end());
  }
  return all;
}

struct Sides {
  std::unique_ptr<WeightSource> rounded;
  std::unique_ptr<ModelProbe> oracle;  // null with a recording
  std::unique_ptr<Truth> truth;
  std::unique_ptr<ModelProbe> device;
  std::vector<size_t> groups;  // of prompts, see group_prompts
  DType act = DType::kF32;
};

/// Prompts that go through the models together: where each group begins, and where the last ends.
/// Where layers are streamed, reading them is the cost, so as many as fit into a step; else one.
std::vector<size_t> group_prompts(const std::vector<int64_t>& lengths,
                                  const ModelRunOptions& options) {
  std::vector<size_t> begins;
  int64_t num_tokens = 0;
  for (size_t p = 0; p < lengths.size(); ++p) {
    const bool joins =
        p > 0 && options.stream_layers && num_tokens + lengths[p] <= options.max_tokens;
    num_tokens = joins ? num_tokens + lengths[p] : lengths[p];
    if (!joins) begins.push_back(p);
  }
  begins.push_back(lengths.size());
  return begins;
}

/// The largest number of tokens and of prompts that go through a model together, and of tokens that
/// see each other.
struct Extent {
  int64_t num_tokens = 1, num_prompts = 1, longest = 1;
};

Extent extent_of(const std::vector<int64_t>& lengths, const std::vector<size_t>& groups) {
  Extent extent;
  for (size_t g = 0; g + 1 < groups.size(); ++g) {
    int64_t num_tokens = 0;
    for (size_t p = groups[g]; p < groups[g + 1]; ++p) {
      num_tokens += lengths[p];
      extent.longest = std::max(extent.longest, lengths[p]);
    }
    const auto num_prompts = static_cast<int64_t>(groups[g + 1] - groups[g]);
    extent.num_tokens = std::max(extent.num_tokens, num_tokens);
    extent.num_prompts = std::max(extent.num_prompts, num_prompts);
  }
  return extent;
}

/// What all passes over a group keep of it.
Result<void> check_memory(const ModelConfig& config, int64_t num_tokens) {
  double bytes = 0;
  for (const TapPoint& point : points_of(config)) {
    bytes += kTracesOfAPrompt * static_cast<double>(sizeof(double)) *
             static_cast<double>(columns_of(config, point.tap) * num_tokens);
  }
  const auto available = static_cast<double>(available_memory_bytes());
  if (available == 0 || bytes <= available / 2) return {};
  return make_error(ErrorCode::kOutOfMemory,
                    "prompt of {} tokens: got {:.1f} GiB of intermediate results to compare, "
                    "expected at most {:.1f} GiB, half of the free memory; shorten it",
                    num_tokens, bytes * 0x1p-30, available / 2 * 0x1p-30);
}

ProbeOptions probe_options(const ModelRunOptions& options, const Extent& extent, bool stream) {
  return {.max_tokens = std::clamp<int64_t>(extent.num_tokens, 1, options.max_tokens),
          .max_sequences = extent.num_prompts,
          .max_context_tokens = extent.longest,
          .block_size = 16,
          .stream_layers = stream};
}

Result<std::unique_ptr<ModelProbe>> open_device(const WeightSource& weights,
                                                const ModelRunOptions& options,
                                                const Extent& extent) {
  ERNIE_TRY(auto backend, options.make_device(options.device, options.backend));
  if (options.fault != nullptr) {
    backend = make_faulty_backend(std::move(backend), *options.fault, options.backend.dtype);
  }
  return ModelProbe::open(weights, std::move(backend),
                          probe_options(options, extent, options.stream_layers));
}

Result<std::unique_ptr<ModelProbe>> open_oracle(const WeightSource& weights,
                                                const ModelRunOptions& options,
                                                const Extent& extent) {
  ERNIE_TRY(const DeviceInfo device, find_device(options.against, ""));
  const BackendOptions wide{.dtype = device.is_oracle ? DType::kF64 : DType::kF32,
                            .map_weights = true};
  ERNIE_TRY(auto backend, make_backend(options.against, wide));
  return ModelProbe::open(weights, std::move(backend), probe_options(options, extent, true));
}

Result<std::vector<int64_t>> recorded_lengths(const Truth& truth) {
  std::vector<int64_t> lengths;
  for (size_t p = 0; p < truth.num_prompts(); ++p) {
    ERNIE_TRY(const int64_t length, truth.num_tokens(p));
    lengths.push_back(length);
  }
  return lengths;
}

Result<Sides> open_sides(const WeightSource& weights, const ModelRunOptions& options) {
  Sides sides;
  std::vector<int64_t> lengths;
  ERNIE_TRY(const DeviceInfo device, find_device(options.device, options.backend.isa));
  sides.act = device.activations_for(options.backend.dtype);
  if (!options.recording.empty()) {
    ERNIE_TRY(sides.truth, open_recording(options.recording, sides.act, weights.config()));
    ERNIE_TRY(lengths, recorded_lengths(*sides.truth));
  } else {
    for (const Prompt& prompt : options.prompts) {
      lengths.push_back(static_cast<int64_t>(prompt.ids.size()));
    }
  }
  sides.groups = group_prompts(lengths, options);
  Extent extent = extent_of(lengths, sides.groups);
  ERNIE_TRY_VOID(check_memory(weights.config(), extent.num_tokens));
  if (!options.text.empty()) {
    const int64_t window = std::min(options.window, static_cast<int64_t>(options.text.size()));
    extent.longest = std::max(extent.longest, window);
    extent.num_tokens = std::max(extent.num_tokens, window);
  }
  if (options.recording.empty()) {
    sides.rounded = rounded_weights(weights, options.backend.dtype);
    const bool is_rounded = options.backend.dtype == DType::kBF16;
    ERNIE_TRY(sides.oracle, open_oracle(is_rounded ? *sides.rounded : weights, options, extent));
    sides.truth =
        computed_truth(*sides.oracle, sides.oracle->backend().activation_dtype(), options.prompts);
  }
  ERNIE_TRY(sides.device, open_device(weights, options, extent));
  return sides;
}

Result<DistributionFigures> compare_text(Sides& sides, const ModelRunOptions& options,
                                         const ModelProgress& progress) {
  DistributionMeter meter;
  const auto num_tokens = static_cast<int64_t>(options.text.size());
  const int64_t step =
      std::min({kTextStep, sides.device->options().max_tokens, sides.oracle->options().max_tokens});
  for (int64_t begin = 0; begin < num_tokens;) {
    const int64_t in_window = begin % options.window;
    if (in_window == 0) {
      sides.device->reset();
      sides.oracle->reset();
    }
    const int64_t count = std::min({step, num_tokens - begin, options.window - in_window});
    const auto first = options.text.begin() + begin;
    std::vector<int32_t> positions(static_cast<size_t>(count));
    std::iota(positions.begin(), positions.end(), static_cast<int32_t>(in_window));
    const std::vector<Chunk> chunk{{0, {first, first + count}, positions}};
    ERNIE_TRY(const Values want, sides.oracle->run(chunk));
    ERNIE_TRY(const Values got, sides.device->run(chunk));
    meter.add(want, got, count);
    const int64_t next_begin = begin + 1;
    const int64_t last =
        std::min({begin + count + 1, num_tokens, begin - in_window + options.window});
    meter.add_likelihoods(
        want, got,
        std::span(options.text)
            .subspan(static_cast<size_t>(next_begin),
                     static_cast<size_t>(std::max<int64_t>(last - next_begin, 0))));
    begin += count;
    if (progress) {
      progress("text", static_cast<size_t>(begin), static_cast<size_t>(num_tokens));
    }
  }
  return meter.figures();
}

std::vector<Check> text_rules(const DistributionFigures& f, const Arithmetic& a) {
  const bool narrow = a.act == DType::kBF16 || a.store == DType::kBF16;
  const double difference = std::abs(std::log(f.perplexity_got) - std::log(f.perplexity_want));
  const double allowed_nll = narrow ? kBfloat16Nll : kFloat32Nll;
  const double allowed_kl = narrow ? kBfloat16Kl : kFloat32Kl;
  return {{"text_perplexity",
           {"text: difference of the logarithms of the perplexities", "文本：困惑度对数之差"},
           difference,
           allowed_nll,
           f.num_predicted > 0 && difference <= allowed_nll},
          {"text_kl_mean",
           {"text: mean KL divergence", "文本：平均 KL 散度"},
           f.kl_mean,
           allowed_kl,
           f.kl_mean <= allowed_kl}};
}

}  // namespace

bool ModelRun::passed() const {
  return check.passed && (!check.canary || check.canary->caught) &&
         std::ranges::all_of(text_checks, &Check::passed);
}

Result<ModelRun> run_model_check(const WeightSource& weights, const ModelRunOptions& options,
                                 const ModelProgress& progress) {
  const auto start = std::chrono::steady_clock::now();
  ERNIE_TRY(Sides sides, open_sides(weights, options));
  ModelRun run{.device = sides.device->backend().describe(),
               .truth = sides.truth->describe(),
               .is_recorded = sides.truth->is_recorded(),
               .is_golden = options.is_golden,
               .seed = options.seed};
  run.arithmetic = {.act = sides.act,
                    .store = options.backend.dtype,
                    .truth = sides.truth->act(),
                    .weights_differ = run.is_recorded && options.backend.dtype == DType::kBF16 &&
                                      weights.config().dtype != DType::kBF16};
  CheckContext context{
      .config = weights.config(), .arithmetic = run.arithmetic, .is_golden = options.is_golden};
  ERNIE_TRY(context.router_bias, read_bias(weights));
  ModelJudge judge(context);
  std::optional<PromptRuns> first;
  for (size_t g = 0; g + 1 < sides.groups.size(); ++g) {
    const size_t begin = sides.groups[g], end = sides.groups[g + 1];
    if (progress) progress("prompts", begin, sides.truth->num_prompts());
    ERNIE_TRY(std::vector<PromptTruth> truths, sides.truth->prompts(begin, end));
    ERNIE_TRY(std::vector<PromptRuns> all,
              run_prompts(*sides.device, std::move(truths), context, options.seed + 2 * begin));
    for (const PromptRuns& runs : all) judge.add(runs);
    if (g == 0) first = std::move(all[0]);
  }
  run.check = judge.verdict();
  if (run.check.passed && first) {
    run.check.canary = try_canary(context, *std::move(first), run.check, options.seed);
  }
  if (!options.text.empty()) {
    ERNIE_TRY(run.text, compare_text(sides, options, progress));
    run.text_checks = text_rules(*run.text, run.arithmetic);
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace ernie::verify::model
