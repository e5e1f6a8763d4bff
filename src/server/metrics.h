#pragma once

/// Figures for Prometheus, under the names, types, labels and buckets of vLLM, so that its
/// dashboards, routers and autoscalers read them.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "api/server_request.h"
#include "engine/engine_loop.h"

namespace ernie {

/// Every function may be called from any thread.
class Metrics {
 public:
  /// model_name may be empty until set_model().
  explicit Metrics(std::string model_name);
  ~Metrics();

  void set_model(const std::string& model_name, const Engine& engine);
  /// On the engine's thread after each step.
  void record_step(const StepRecord& record, const EngineLoop* loop);
  /// What a request asked for; `num_choices` in all.
  void record_request(const ServerRequest& request);
  /// A reply. `route`: its path as declared, or "none"; method and status fall into few classes.
  void record_http(std::string_view route, std::string_view method, int status, double seconds);

  /// In Prometheus' text format. loop: null while the model loads.
  std::string text(const EngineLoop* loop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ernie
