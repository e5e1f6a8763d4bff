#include <spdlog/spdlog.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/serve_flags.h"
#include "jobs/receipt_writer.h"
#include "json/fields.h"
#include "json/parse.h"

namespace ernie {
namespace {

using Clock = std::chrono::steady_clock;

/// Sampling defaults of a model's generation_config.json, if it has one.
Result<void> read_generation_config(const std::string& model, SamplingParams& params) {
  const std::string path = model + "/generation_config.json";
  if (model.empty() || !std::filesystem::exists(path)) return {};
  ERNIE_TRY(const std::string text, read_text_file(path, uint64_t{1} << 20));
  ERNIE_TRY(const boost::json::object object, parse_json_object(text, path));
  JsonFields fields(object, {path + ": ", ""});
  bool samples = true;
  fields.read("do_sample", samples);
  fields.read("temperature", params.temperature);
  fields.read("top_p", params.top_p);
  fields.read("top_k", params.top_k);
  fields.read("min_p", params.min_p);
  fields.read("repetition_penalty", params.repetition_penalty);
  ERNIE_TRY_VOID(fields.finish_ignoring_others());
  return {};
}

void log_plan(const Engine& engine) {
  const EngineOptions& options = engine.options();
  const int64_t num_tokens = engine.counters().num_blocks * options.block_size;
  spdlog::info("memory plan: KV cache {:.1f} MiB, {} tokens, {:.1f} contexts of {}",
               static_cast<double>(options.kv_cache_bytes) / (1 << 20), num_tokens,
               static_cast<double>(num_tokens) / static_cast<double>(options.max_model_len),
               options.max_model_len);
}

Result<void> load(ServeFlags& flags, const EngineLoader& loader, Service& service) {
  ERNIE_TRY(LoadedEngine loaded, loader.open_and_load(flags.engine));
  log_plan(*loaded.engine);
  // Made at the first request for a receipt: reading all weights takes its time.
  auto parts = std::make_shared<LoadedEngine>();
  parts->weights = loaded.weights;
  parts->tokenizer = loaded.tokenizer;
  parts->dtype = loaded.dtype;
  const int64_t max_model_len = loaded.engine->options().max_model_len;
  const EngineSettings settings = flags.engine;
  return service.start(std::move(loaded), [parts, settings, max_model_len]() -> Result<Receipt> {
    ERNIE_TRY(JobReceipts receipts, prepare_receipts(settings, *parts, max_model_len));
    return std::move(receipts.common);
  });
}

Result<int> serve(ServeFlags& flags, const EngineLoader& loader) {
  const auto began = Clock::now();
  ERNIE_TRY_VOID(complete_serve_flags(flags));
  if (flags.generation_config == "auto") {
    ERNIE_TRY_VOID(read_generation_config(flags.engine.model, flags.service.sampling));
  }
  if (flags.engine.model.empty()) {
    spdlog::warn("no model was named: serving the demo, which knows little");
  }
  Service service(flags.service);
  ERNIE_TRY(const auto server, Server::create(flags.server, service));
  spdlog::info("listening on {}", server->address());
  ERNIE_TRY_VOID(load(flags, loader, service));
  spdlog::info("ready after {:.2f} s", std::chrono::duration<double>(Clock::now() - began).count());
  server->run_until_signal(std::chrono::seconds(flags.shutdown_timeout_s));
  return 0;
}

}  // namespace

Command add_serve_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<ServeFlags>();
  add_serve_flags(app, *flags);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    return serve(*flags, loader);
  };
}

}  // namespace ernie
