#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace ernie {

/// Memory, processor time and descriptors of this process, under the names of Prometheus' own
/// clients. Linux; elsewhere the figures stay 0. One thread at a time.
class ProcessMetrics {
 public:
  /// `registry` must outlive it. The process is taken to begin now.
  explicit ProcessMetrics(prometheus::Registry& registry);
  /// Reads the figures anew.
  void update();

 private:
  prometheus::Counter& processor_seconds_;
  prometheus::Gauge &resident_bytes_, &virtual_bytes_, &start_seconds_, &open_descriptors_,
      &most_descriptors_;
};

}  // namespace ernie
