#include "server/metrics_text.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

namespace ernie {
namespace {

TEST(MetricsText, IsWhatTheLibraryWrites) {
  prometheus::Registry registry;
  auto& counters = prometheus::BuildCounter().Name("c:total").Help("A count.").Register(registry);
  counters.Add({}).Increment(3);
  counters.Add({{"model_name", "a \"b\" \\ c\nd"}, {"engine", "0"}}).Increment(0.25);
  counters.Add({{"engine", "1"}}).Increment(1e20);
  auto& gauges = prometheus::BuildGauge().Name("g").Help("A level.").Register(registry);
  gauges.Add({{"x", "1"}}).Set(-1.5e-7);
  gauges.Add({{"x", "2"}}).Set(std::numeric_limits<double>::infinity());
  gauges.Add({{"x", "3"}}).Set(-std::numeric_limits<double>::infinity());
  gauges.Add({{"x", "4"}}).Set(1732500000);
  auto& histograms = prometheus::BuildHistogram().Name("h").Help("Times.").Register(registry);
  using Buckets = prometheus::Histogram::BucketBoundaries;
  auto& labelled = histograms.Add({{"engine", "0"}}, Buckets{0.001, 0.5, 1, 7680, 1e6});
  for (const double x : {0.0, 0.25, 0.5, 2.0, 8e3, 2e7}) labelled.Observe(x);
  histograms.Add({}, Buckets{1, std::numeric_limits<double>::infinity()}).Observe(4);
  prometheus::BuildGauge().Name("empty").Help("No level.").Register(registry);

  const auto families = registry.Collect();
  std::ostringstream expected;
  prometheus::TextSerializer().Serialize(expected, families);
  EXPECT_EQ(metrics_text(families), expected.str());
  EXPECT_NE(expected.str().find("h_bucket{engine=\"0\",le=\"+Inf\"} 6\n"), std::string::npos);
}

TEST(MetricsText, NumbersKeepAllTheirDigits) {
  prometheus::MetricFamily family{"g", "A level.", prometheus::MetricType::Gauge, {{}, {}}};
  family.metric[0].gauge.value = 0.1 + 0.2;  // the library writes 16 digits: 0.3
  family.metric[1].gauge.value = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(metrics_text({family}),
            "# HELP g A level.\n# TYPE g gauge\ng 0.30000000000000004\ng NaN\n");
}

}  // namespace
}  // namespace ernie
