#pragma once

#include <optional>
#include <string>

#include "engine/sampling_params.h"
#include "jobs/interrupt.h"
#include "jobs/load_engine.h"
#include "jobs/receipt_writer.h"

namespace ernie {

/// What `ernie run` was asked for.
struct PromptOptions {
  std::string prompt;        ///< one prompt, unless input is set
  std::string input;         ///< prompts.jsonl, or "-" for standard input
  std::string output = "-";  ///< results.jsonl, or "-" for standard output; of one prompt: where
                             ///< its result line goes if it has a receipt
  bool chat = false;
  std::string system;
  bool echo = true;        ///< one prompt: print it before its continuation
  bool token_ids = false;  ///< results hold the ids of the output
  bool quiet = false;
  uint64_t seed = 0;  ///< each line's own seed follows from it
  SamplingParams params;
  /// Every answer gets one; the manifest stands beside the output, if that is a file.
  std::optional<JobReceipts> receipts;
};

/// Works through a prompt file. Results are written line by line in the input's order; at most 1024
/// finished ones wait in memory for an earlier one. A line that cannot be served gives a line with
/// an error. Returns whether there was none. After an interrupt (kCancelled) all that was finished
/// is in the output.
Result<bool> run_prompt_file(LoadedEngine loaded, const PromptOptions& options,
                             const Interrupt& interrupt);

/// Generates for one prompt and prints the text to standard output as it comes, then a newline.
/// With receipts its result line is written to options.output as well. Interrupted, it keeps what
/// was printed and returns kCancelled.
Result<void> run_prompt(LoadedEngine loaded, const PromptOptions& options,
                        const Interrupt& interrupt);

}  // namespace ernie
