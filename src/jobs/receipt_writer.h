#pragma once

/// What `run` and `run-batch` do for --receipts.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/generation_result.h"
#include "jobs/load_engine.h"
#include "receipt/model_manifest.h"
#include "receipt/receipt.h"

namespace ernie {

struct JobReceipts {
  Receipt common;  ///< what is the same in all receipts of a job but for num_rows
  ModelManifest manifest;
};

/// Digests the model that `loaded` came from, all of its weights. Logs how long that took.
Result<JobReceipts> prepare_receipts(const EngineSettings& settings, const LoadedEngine& loaded);
/// The same without the engine: of `loaded` the weights, the tokenizer and the dtype count.
Result<JobReceipts> prepare_receipts(const EngineSettings& settings, const LoadedEngine& loaded,
                                     int64_t max_model_len);

/// Where the manifest of a results file stands: beside it.
std::string manifest_path(const std::string& results);

/// Puts the manifest there; a crash leaves the old file or the new one.
Result<void> write_manifest(const JobReceipts& receipts, const std::string& results);

/// A copy of `common` with what the request asks for; the request's tokens will be added to it as
/// they are chosen. `prompt_logprobs`: as asked for, without what an echo adds to it.
std::shared_ptr<Receipt> start_receipt(const Receipt& common, GenerationRequest& request,
                                       std::optional<int32_t> prompt_logprobs, bool echo);

/// Completes a receipt whose tokens are there. `text`: as it stands in the result line.
void finish_receipt(Receipt& receipt, const GenerationResult& result, std::string_view text);

}  // namespace ernie
