#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/interrupt.h"
#include "jobs/load_engine.h"
#include "jobs/receipt_writer.h"

namespace ernie {

struct BatchOptions {
  std::string input, output;
  bool overwrite = false;  ///< an output of another job may be replaced
  bool restart = false;    ///< forget what an earlier run of the job left
  bool any_model = false;  ///< do not compare `model` in the bodies with the model's names
  std::vector<std::string> model_names;  ///< further names the model answers to; the first stands
                                         ///< in responses
  bool quiet = false;
  uint64_t seed = 0;                    ///< for requests that give none
  int64_t max_model_len = 0;            ///< as asked for; 0: what the engine chose
  std::optional<JobReceipts> receipts;  ///< every answer gets one; the manifest stands beside them
};

/// The context length of the job that `output`'s journal belongs to; 0 if there is none. An engine
/// that chooses by free memory could choose another one the next time, and rows depend on it.
int64_t max_model_len_of_journal(const std::string& output);

/// Works through an OpenAI batch file. While it runs, finished rows are in `<output>.journal`; at
/// the end they become `<output>` in the input's order. Stopped at any point, by whatever means,
/// the same call goes on where it was, and `<output>` is byte for byte that of an unbroken run.
/// Called again after the end it only finds that nothing is left to do.
///
/// Returns whether every row has a result. kCancelled after an interrupt; any other error leaves a
/// job that can be continued, too.
Result<bool> run_batch_job(LoadedEngine loaded, const BatchOptions& options,
                           const Interrupt& interrupt);

}  // namespace ernie
