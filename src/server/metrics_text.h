#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace ernie {

/// Counters, gauges and histograms in version 0.0.4 of Prometheus' text format.
std::string metrics_text(const std::vector<prometheus::MetricFamily>& families);

}  // namespace ernie
