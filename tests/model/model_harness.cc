#include "model/model_harness.h"

#include <numeric>

#include "base/rng.h"

namespace ernie::testing {
namespace {

class Recorder final : public ForwardObserver {
 public:
  Recorder(Backend& backend, std::map<std::string, Values>& seen)
      : backend_(backend), seen_(seen) {}
  void observe(Tap tap, int64_t layer, const Tensor& value) override {
    const std::string name =
        layer < 0 ? std::string(tap_name(tap)) : fmt::format("{}.{}", tap_name(tap), layer);
    seen_[name] = verify::model::to_host(backend_, value).value();
  }

 private:
  Backend& backend_;
  std::map<std::string, Values>& seen_;
};

}  // namespace

ModelHarness::ModelHarness(const std::string& model_dir, const std::string& device,
                           const BackendOptions& options, int64_t block_size)
    : ModelHarness(open_checkpoint(model_dir).value(), device, options, block_size) {}

ModelHarness::ModelHarness(std::unique_ptr<WeightSource> weights, const std::string& device,
                           const BackendOptions& options, int64_t block_size)
    : weights_(std::move(weights)),
      probe_(verify::model::ModelProbe::open(
                 *weights_, make_backend(device, options).value(),
                 {.max_tokens = 64, .max_context_tokens = 64, .block_size = block_size})
                 .value()) {}

Values ModelHarness::run(const std::vector<Chunk>& chunks) {
  seen_.clear();
  Recorder recorder(probe_->backend(), seen_);
  return probe_->run(chunks, &recorder).value();
}

std::vector<int32_t> random_ids(int64_t count, int64_t vocab_size, uint64_t seed) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(philox_uniform(seed, 7, static_cast<uint64_t>(i)) *
                                       static_cast<double>(vocab_size)));
  }
  return ids;
}

std::vector<int32_t> positions_from(int64_t first, int64_t count) {
  std::vector<int32_t> positions(static_cast<size_t>(count));
  std::iota(positions.begin(), positions.end(), static_cast<int32_t>(first));
  return positions;
}

}  // namespace ernie::testing
