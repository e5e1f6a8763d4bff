#include "cli/penalty_flags.h"

namespace ernie {

void add_penalty_flags(CLI::App& app, SamplingParams& params) {
  app.add_option("--repetition-penalty", params.repetition_penalty,
                 "Divides the logits of tokens that occurred; 1: off")
      ->capture_default_str();
  app.add_option("--presence-penalty", params.presence_penalty,
                 "Taken off the logits of tokens in the output")
      ->capture_default_str();
  app.add_option("--frequency-penalty", params.frequency_penalty, "Subtracted once per occurrence")
      ->capture_default_str();
}

}  // namespace ernie
