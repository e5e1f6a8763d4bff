#include "backend/registry.h"

#include <fmt/ranges.h>

#include "backend/cpu/cpu_backend.h"
#include "backend/reference/reference_backend.h"
#include "base/thread_pool.h"

namespace ernie {

std::vector<std::string> backend_names() { return {"cpu", "reference"}; }

Result<std::unique_ptr<Backend>> make_backend(const std::string& name,
                                              const BackendOptions& options) {
  const bool is_oracle = name == "reference" && options.dtype == DType::kF64;
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
  if (name == "reference") return reference::make_reference_backend(options.dtype, formats);
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
