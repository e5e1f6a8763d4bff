#include "checkpoint/inspect.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <memory>

#include "base/memory_info.h"
#include "cli/commands.h"
#include "json/parse.h"

namespace ernie {
namespace {

namespace json = boost::json;

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

struct InspectFlags {
  std::string directory;
  bool as_json = false;
};

/// "21.825 B", or M for what is small.
std::string count_text(int64_t count) {
  const auto value = static_cast<double>(count);
  return count >= 1'000'000'000 ? fmt::format("{:.3f} B", value * 1e-9)
                                : fmt::format("{:.3f} M", value * 1e-6);
}
double gib(int64_t bytes) { return static_cast<double>(bytes) / kGiB; }

/// "6.72 GiB", or MiB for what is small.
std::string memory_text(int64_t bytes) {
  if (gib(bytes) >= 1.0) return fmt::format("{:.2f} GiB", gib(bytes));
  return fmt::format("{:.2f} MiB", gib(bytes) * 1024.0);
}

void add_row(std::string& out, const char* label, const std::string& value) {
  out += fmt::format("{:<22} {}\n", label, value);
}

void add_shape(std::string& out, const ModelConfig& config) {
  int64_t num_moe_layers = 0;
  for (int64_t i = 0; i < config.num_layers; ++i) num_moe_layers += config.is_moe_layer(i) ? 1 : 0;
  add_row(out, "architecture", config.architecture);
  add_row(out, "layers",
          fmt::format("{}, {} of them with experts", config.num_layers, num_moe_layers));
  add_row(out, "hidden size", std::to_string(config.hidden_size));
  add_row(out, "heads",
          fmt::format("{} for queries, {} for keys and values, of {}", config.num_heads,
                      config.num_kv_heads, config.head_dim));
  add_row(out, "dense MLP width", std::to_string(config.intermediate_size));
  if (config.num_experts > 0) {
    add_row(out, "experts",
            fmt::format("{} of width {}, {} per token; shared width {}", config.num_experts,
                        config.moe_intermediate_size, config.experts_per_token,
                        config.shared_intermediate_size()));
  }
  add_row(out, "vocabulary",
          fmt::format("{}, output head {}", config.vocab_size,
                      *config.tie_word_embeddings ? "tied" : "of its own"));
  add_row(
      out, "longest context",
      fmt::format("{} tokens, rope theta {}", config.max_position_embeddings, config.rope_theta));
}

void add_files(std::string& out, const CheckpointReport& report) {
  add_row(out, "layout", report.layout);
  add_row(out, "files",
          fmt::format("{}, {} on disk", report.num_files,
                      memory_text(static_cast<int64_t>(report.file_bytes))));
  add_row(out, "tensors", std::to_string(report.num_tensors));
  for (const auto& count : report.dtypes) {
    add_row(out, "",
            fmt::format("{:<5} {} tensors, {} values", dtype_name(count.dtype), count.num_tensors,
                        count.num_elements));
  }
  if (report.num_mtp_tensors > 0) {
    add_row(out, "left aside",
            fmt::format("{} tensors of multi-token prediction", report.num_mtp_tensors));
  }
  if (report.num_ignored_tensors > 0) {
    add_row(out, "left aside",
            fmt::format("{} tensors that follow from others", report.num_ignored_tensors));
  }
}

std::vector<int64_t> context_lengths(int64_t longest) {
  std::vector<int64_t> lengths;
  for (int64_t length = 4096; length < longest; length *= 2) lengths.push_back(length);
  lengths.push_back(longest);
  return lengths;
}

void add_memory(std::string& out, const CheckpointReport& report) {
  add_row(out, "parameters",
          fmt::format("{} total, {} active per token", count_text(report.parameters.total),
                      count_text(report.parameters.active)));
  add_row(
      out, "weights in memory",
      fmt::format("{} as {}", memory_text(report.weight_bytes), dtype_name(report.config.dtype)));
  add_row(out, "KV cache", fmt::format("{} bytes per token", report.kv_bytes_per_token));
  for (const int64_t length : context_lengths(report.config.max_position_embeddings)) {
    add_row(out, "",
            fmt::format("{:>8} tokens {:>12}", length,
                        memory_text(length * report.kv_bytes_per_token)));
  }
}

/// What of the free memory the KV cache of an engine takes: see plan_kv_cache().
constexpr int64_t kKvShare = 2;

/// Whether this machine can run it now, and what would make it do so.
std::string fit_text(const CheckpointReport& report, int64_t free_bytes) {
  const int64_t left = free_bytes - report.weight_bytes;
  const auto tokens_in = [&](int64_t bytes) {
    return std::min(bytes / kKvShare / report.kv_bytes_per_token,
                    report.config.max_position_embeddings);
  };
  const std::string is_free = memory_text(free_bytes) + " are free";
  if (left > 0 && tokens_in(left) > 0) {
    return fmt::format("yes: {}, which leaves room for {} tokens of context", is_free,
                       tokens_in(left));
  }
  return fmt::format(
      "no: {}; with --mmap the weights stay in the file, read from it for each "
      "token, and there is room for {} tokens of context",
      is_free, tokens_in(free_bytes));
}

void add_fit(std::string& out, const CheckpointReport& report) {
  const auto free_bytes = static_cast<int64_t>(available_memory_bytes());
  if (free_bytes > 0) add_row(out, "fits here", fit_text(report, free_bytes));
}

json::object to_json_object(const CheckpointReport& report) {
  json::array dtypes;
  for (const auto& count : report.dtypes) {
    dtypes.push_back({{"dtype", std::string(dtype_name(count.dtype))},
                      {"tensors", count.num_tensors},
                      {"values", count.num_elements}});
  }
  json::array contexts;
  for (const int64_t length : context_lengths(report.config.max_position_embeddings)) {
    contexts.push_back({{"tokens", length}, {"bytes", length * report.kv_bytes_per_token}});
  }
  return {{"config", *parse_json(to_json(report.config))},
          {"layout", report.layout},
          {"files", report.num_files},
          {"file_bytes", report.file_bytes},
          {"tensors", report.num_tensors},
          {"dtypes", dtypes},
          {"mtp_tensors", report.num_mtp_tensors},
          {"ignored_tensors", report.num_ignored_tensors},
          {"parameters", report.parameters.total},
          {"active_parameters", report.parameters.active},
          {"weight_bytes", report.weight_bytes},
          {"kv_bytes_per_token", report.kv_bytes_per_token},
          {"kv_bytes_by_context", contexts},
          {"free_memory_bytes", available_memory_bytes()}};
}

std::string text_of(const Inspection& inspection) {
  std::string out;
  if (inspection.report) {
    add_shape(out, inspection.report->config);
    add_files(out, *inspection.report);
    add_memory(out, *inspection.report);
    add_fit(out, *inspection.report);
  }
  for (const std::string& problem : inspection.problems) out += problem + "\n";
  return out;
}

std::string json_of(const Inspection& inspection) {
  json::object object;
  if (inspection.report) object = to_json_object(*inspection.report);
  object["problems"] = json::array(inspection.problems.begin(), inspection.problems.end());
  return json::serialize(object) + "\n";
}

Result<int> inspect(const InspectFlags& flags) {
  const Inspection inspection = inspect_checkpoint(flags.directory);
  ERNIE_TRY_VOID(print(flags.as_json ? json_of(inspection) : text_of(inspection)));
  if (inspection.problems.empty()) return 0;
  return make_error(ErrorCode::kInvalidArgument, "{}: would be refused for {} problem{}",
                    flags.directory, inspection.problems.size(),
                    inspection.problems.size() == 1 ? "" : "s");
}

}  // namespace

Command add_inspect_command(CLI::App& app, const EngineLoader&) {
  const auto flags = std::make_shared<InspectFlags>();
  app.add_option("DIR", flags->directory, "Directory of the checkpoint")
      ->type_name("DIR")
      ->required();
  app.add_flag("--json", flags->as_json, "One JSON object instead of text");
  return [flags] { return inspect(*flags); };
}

}  // namespace ernie
