#include "backend/registry.h"

#include <fmt/ranges.h>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/isa/select.h"
#include "backend/reference/reference_backend.h"
#include "base/thread_pool.h"

namespace ernie {

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> all;
  for (const std::string& isa : cpu::runnable_isas()) {
    all.push_back({.name = "cpu",
                   .variant = isa,
                   .activation_dtype = DType::kF32,
                   .is_scalar = isa == "portable"});
  }
  all.push_back({.name = oracle_device(), .is_oracle = true, .is_scalar = true});
  return all;
}

std::vector<DeviceInfo> variants_of(const std::string& device) {
  std::vector<DeviceInfo> all = devices();
  std::erase_if(all, [&](const DeviceInfo& info) { return info.name != device; });
  return all;
}

Result<DeviceInfo> find_device(const std::string& device, const std::string& variant) {
  const std::vector<DeviceInfo> all = variants_of(device);
  if (all.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "device: got \"{}\", expected one of {}", device,
                      fmt::join(backend_names(), ", "));
  }
  std::vector<std::string> choices;
  for (const DeviceInfo& info : all) {
    if (variant.empty() || info.variant == variant) return info;
    choices.push_back(info.variant);
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "isa: got \"{}\", expected one this machine runs: {}", variant,
                    fmt::join(choices, ", "));
}

std::string oracle_device() { return "reference"; }

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const DeviceInfo& info : devices()) {
    if (names.empty() || names.back() != info.name) names.push_back(info.name);
  }
  return names;
}

Result<std::unique_ptr<Backend>> make_backend(const std::string& name,
                                              const BackendOptions& options) {
  const bool is_oracle = name == oracle_device() && options.dtype == DType::kF64;
  if (options.dtype != DType::kF32 && options.dtype != DType::kBF16 && !is_oracle) {
    return make_error(ErrorCode::kInvalidArgument, "dtype: got {}, expected F32 or BF16",
                      dtype_name(options.dtype));
  }
  constexpr int kMaxThreads = 1024;
  if (options.num_threads < 0 || options.num_threads > kMaxThreads) {
    return make_error(ErrorCode::kInvalidArgument, "threads: got {}, expected 0 to {}",
                      options.num_threads, kMaxThreads);
  }
  const StorageFormats formats = options.formats.value_or(StorageFormats::all(options.dtype));
  if (name == oracle_device()) return reference::make_reference_backend(options.dtype, formats);
  if (name == "cpu") {
    const int threads = options.num_threads != 0 ? options.num_threads : available_processors();
    return cpu::make_cpu_backend({.dtype = options.dtype,
                                  .formats = formats,
                                  .num_threads = threads,
                                  .isa = options.isa,
                                  .map_weights = options.map_weights});
  }
  return make_error(ErrorCode::kInvalidArgument, "device: got \"{}\", expected one of {}", name,
                    fmt::join(backend_names(), ", "));
}

}  // namespace ernie
