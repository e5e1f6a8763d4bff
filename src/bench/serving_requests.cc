#include "bench/serving_requests.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/rng.h"

namespace ernie::bench {
namespace {

namespace json = boost::json;

constexpr int64_t kFirstPlainToken = 300;  // below are bytes, digits and control tokens
enum Stream : uint64_t {
  kPrefix = 1,
  kPrompts = 2,
  kArrivals = 3,
  kInputLens = 4,
  kOutputLens = 5
};

/// Words that vocabularies have as one token each.
constexpr std::array<std::string_view, 64> kWords{
    "time",     "year",    "people",   "way",    "day",        "man",    "thing",   "woman",
    "life",     "child",   "world",    "school", "state",      "family", "student", "group",
    "country",  "problem", "hand",     "part",   "place",      "case",   "week",    "company",
    "system",   "program", "question", "work",   "government", "number", "night",   "point",
    "home",     "water",   "room",     "mother", "area",       "money",  "story",   "fact",
    "month",    "lot",     "right",    "study",  "book",       "eye",    "job",     "word",
    "business", "issue",   "side",     "kind",   "head",       "house",  "service", "friend",
    "father",   "power",   "hour",     "game",   "line",       "end",    "member",  "law"};

/// A length near `length`, another one for each request.
int64_t drawn_length(const ServingOptions& options, int64_t length, Stream stream,
                     int64_t request) {
  if (options.range_ratio <= 0) return length;
  const double low = std::floor(static_cast<double>(length) * (1 - options.range_ratio));
  const double high = std::ceil(static_cast<double>(length) * (1 + options.range_ratio));
  const double uniform = philox_uniform(options.seed, stream, static_cast<uint64_t>(request));
  return std::max<int64_t>(1, static_cast<int64_t>(low + uniform * (high - low + 1)));
}

/// A number below `count` for each place of a prompt.
template <typename Take>
void for_each_place(const ServingOptions& options, int64_t request, int64_t count, Take take) {
  const int64_t input_len = drawn_length(options, options.input_len, kInputLens, request);
  const auto draw = [&](uint64_t stream, int64_t index) {
    const double uniform = philox_uniform(options.seed, stream, static_cast<uint64_t>(index));
    take(static_cast<int64_t>(uniform * static_cast<double>(count)));
  };
  for (int64_t i = 0; i < options.prefix_len; ++i) draw(kPrefix, i);
  // Twice the mean is the longest a prompt can be, so no two prompts share draws.
  const int64_t stride = options.range_ratio > 0 ? 2 * options.input_len + 2 : options.input_len;
  for (int64_t i = 0; i < input_len; ++i) draw(kPrompts, request * stride + i);
}

json::array token_prompt(const ServingOptions& options, int64_t request) {
  const int64_t first = options.vocab_size > kFirstPlainToken ? kFirstPlainToken : 0;
  json::array ids;
  for_each_place(options, request, options.vocab_size - first,
                 [&](int64_t draw) { ids.emplace_back(first + draw); });
  return ids;
}

std::string word_prompt(const ServingOptions& options, int64_t request) {
  std::string text;
  for_each_place(options, request, static_cast<int64_t>(kWords.size()), [&](int64_t draw) {
    if (!text.empty()) text += ' ';
    text += kWords[static_cast<size_t>(draw)];
  });
  return text;
}

/// Draws that come one after the other.
class Draws {
 public:
  explicit Draws(uint64_t seed) : seed_(seed) {}

  double exponential() { return -std::log(std::max(1 - uniform(), 1e-9)); }

  /// Of mean `shape`, by Marsaglia and Tsang (2000).
  double gamma(double shape) {
    if (shape < 1) return gamma(shape + 1) * std::pow(std::max(uniform(), 1e-300), 1 / shape);
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    while (true) {
      const double x = philox_normal(seed_, kArrivals, next_++)[0];
      const double v = std::pow(1 + c * x, 3);
      if (v <= 0) continue;
      if (std::log(std::max(uniform(), 1e-300)) < 0.5 * x * x + d - d * v + d * std::log(v)) {
        return d * v;
      }
    }
  }

 private:
  double uniform() { return philox_uniform(seed_, kArrivals, next_++); }

  uint64_t seed_;
  uint64_t next_ = 0;
};

}  // namespace

json::object serving_body(const ServingOptions& options, const std::string& model,
                          int64_t request) {
  const int64_t output_len = drawn_length(options, options.output_len, kOutputLens, request);
  json::object body{{"model", model}};
  if (options.is_chat) {
    body["messages"] =
        json::array{json::object{{"role", "user"}, {"content", word_prompt(options, request)}}};
    body["max_completion_tokens"] = output_len;
  } else {
    body["prompt"] = token_prompt(options, request);
    body["max_tokens"] = output_len;
  }
  body["temperature"] = options.temperature;
  if (options.ignore_eos) body["ignore_eos"] = true;  // servers that do not know it may refuse it
  body["stream"] = true;
  body["stream_options"] = json::object{{"include_usage", true}};
  for (const auto& member : options.extra_body) body[member.key()] = member.value();
  return body;
}

std::vector<double> arrival_times(const ServingOptions& options) {
  std::vector<double> times(static_cast<size_t>(options.num_prompts), 0);
  if (options.request_rate <= 0) return times;
  Draws draws(options.seed);
  double time = 0;
  for (double& due : times) {
    due = time;
    const double interval = options.burstiness == 1
                                ? draws.exponential()
                                : draws.gamma(options.burstiness) / options.burstiness;
    time += interval / options.request_rate;
  }
  return times;
}

}  // namespace ernie::bench
