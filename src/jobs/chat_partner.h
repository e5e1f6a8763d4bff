#pragma once

/// Who answers in a conversation: a model in this process, or a server.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/api_client.h"
#include "engine/sampling_params.h"
#include "jobs/interrupt.h"
#include "jobs/load_engine.h"
#include "text/chat_template.h"

namespace ernie {

struct ChatReply {
  std::string text;
  bool was_stopped = false;  ///< by the user
  int64_t num_output_tokens = 0;
  double first_token_s = 0, total_s = 0;
};

class ChatPartner {
 public:
  virtual ~ChatPartner() = default;
  virtual std::string name() const = 0;
  /// Calls `on_text` with the pieces of the answer as they come. Error: the partner cannot answer.
  virtual Result<ChatReply> answer(const std::vector<ChatMessage>& messages,
                                   const SamplingParams& params, const Interrupt& interrupt,
                                   const std::function<void(std::string_view)>& on_text) = 0;
};

Result<std::unique_ptr<ChatPartner>> make_local_partner(LoadedEngine loaded);
/// `model`: empty: the first that the server names. Error: no server.
Result<std::unique_ptr<ChatPartner>> make_remote_partner(ServerAddress server, std::string model);

}  // namespace ernie
