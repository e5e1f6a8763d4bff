#pragma once

/// Who answers in a conversation: a model in this process, or a server.

#include <boost/json/object.hpp>
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
  /// Takes the pieces of an answer as they come; false ends it. Reasoning is what the answer itself
  /// does not hold: a server that tells it apart sends it before.
  using OnText = std::function<bool(std::string_view text, bool is_reasoning)>;

  virtual ~ChatPartner() = default;
  virtual std::string name() const = 0;
  /// Error: the partner cannot answer, or not to the end.
  virtual Result<ChatReply> answer(const std::vector<ChatMessage>& messages,
                                   const Interrupt& interrupt, const OnText& on_text) = 0;
};

/// Turns draw with params.seed and the number of messages before them.
Result<std::unique_ptr<ChatPartner>> make_local_partner(LoadedEngine loaded, SamplingParams params);
/// `model`: empty: the first that the server names. `fields`: of every request, as "temperature"; a
/// "seed" counts as that of a local partner. Error: no server.
Result<std::unique_ptr<ChatPartner>> make_remote_partner(ServerAddress server, std::string model,
                                                         boost::json::object fields);

}  // namespace ernie
