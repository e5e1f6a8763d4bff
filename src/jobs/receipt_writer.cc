#include "jobs/receipt_writer.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "api/receipt_json.h"
#include "base/atomic_file.h"

namespace ernie {

Result<JobReceipts> prepare_receipts(const EngineSettings& settings, const LoadedEngine& loaded) {
  return prepare_receipts(settings, loaded, loaded.engine->options().max_model_len);
}

Result<JobReceipts> prepare_receipts(const EngineSettings& settings, const LoadedEngine& loaded,
                                     int64_t max_model_len) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  JobReceipts receipts;
  ERNIE_TRY(receipts.manifest,
            make_manifest(*loaded.weights, loaded.tokenizer.get(), settings.threads));
  receipts.common.model = model_digest(receipts.manifest);
  receipts.common.tokenizer = receipts.manifest.tokenizer;
  receipts.common.numerics = fmt::format("{} {}", settings.device, dtype_name(loaded.dtype));
  receipts.common.params.max_model_len = max_model_len;
  spdlog::info("receipts: {} tensors of the model digested in {:.2f} s",
               receipts.manifest.tensors.size(),
               std::chrono::duration<double>(Clock::now() - begin).count());
  return receipts;
}

Result<void> write_manifest(const JobReceipts& receipts, const std::string& results) {
  return write_file_atomically(manifest_path(results), manifest_to_text(receipts.manifest));
}

std::string manifest_path(const std::string& results) { return results + ".model.json"; }

std::shared_ptr<Receipt> start_receipt(const Receipt& common, GenerationRequest& request,
                                       std::optional<int32_t> prompt_logprobs, bool echo) {
  auto receipt = std::make_shared<Receipt>(common);
  receipt->params.sampling = request.params;
  receipt->params.sampling.prompt_logprobs = prompt_logprobs;
  receipt->params.echo = echo;
  receipt->prompt_ids = request.prompt_ids;
  request.on_token = [receipt](TokenId token_id, std::span<const float> logits) {
    receipt->tokens.push_back(make_token_record(token_id, logits));
  };
  return receipt;
}

void finish_receipt(Receipt& receipt, const GenerationResult& result, std::string_view text) {
  receipt.finish_reason = finish_reason_name(result.finish_reason);
  receipt.stop_reason = result.stop_reason;
  receipt.text = sha256(std::as_bytes(std::span(text)));
  seal(receipt);
}

}  // namespace ernie
