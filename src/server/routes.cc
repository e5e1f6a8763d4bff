#include "server/routes.h"

#include <array>

#include "server/completions.h"
#include "server/llama_routes.h"
#include "server/messages.h"
#include "server/openapi.h"
#include "server/responses.h"
#include "server/small_routes.h"
#include "server/web_page.h"

namespace ernie {

std::span<const Route> routes() {
  using enum Access;
  static constexpr auto kRoutes = std::to_array<Route>({
      {"GET", "/", kOpen, handle_page, false, "The web page"},
      {"GET", "/web/{file}", kOpen, handle_page_file, false, "Its files"},
      {"GET", "/health", kOpen, handle_health, false, "Whether the server works"},
      {"GET", "/v1/health", kOpen, handle_health, false, "The same"},
      {"GET", "/ready", kOpen, handle_ready, false, "Whether it takes work now"},
      {"GET", "/ping", kOpen, handle_health, false, "As /health"},
      {"POST", "/ping", kOpen, handle_health, false, "As /health"},
      {"GET", "/version", kKey, handle_version, false, "The version of this program"},
      {"GET", "/metrics", kMetrics, handle_metrics, false, "Figures for Prometheus"},
      {"GET", "/load", kKey, handle_load, false, "Requests under way"},
      {"GET", "/openapi.json", kKey, handle_openapi, false, "This interface"},
      {"GET", "/v1/models", kKey, handle_models, false, "The model, under each of its names"},
      {"GET", "/v1/models/{model}", kKey, handle_model, false, "The model under one name"},
      {"GET", "/models", kKey, handle_models, false, "As /v1/models"},
      {"POST", "/v1/completions", kKey, handle_completions, true, "Continues prompts"},
      {"POST", "/v1/chat/completions", kKey, handle_chat_completions, true, "Answers in a chat"},
      {"POST", "/v1/responses", kKey, handle_responses, true, "The Responses API"},
      {"GET", "/v1/responses/{id}", kKey, handle_stored_response, false,
       "Answers are not stored: 404"},
      {"POST", "/v1/responses/{id}/cancel", kKey, handle_stored_response, false,
       "Answers do not run in the background: 404"},
      {"POST", "/v1/messages", kKey, handle_messages, true, "The Messages API"},
      {"POST", "/v1/messages/count_tokens", kKey, handle_count_tokens, true,
       "Tokens of a conversation"},
      {"POST", "/v1/requests/{id}/cancel", kKey, handle_cancel, false, "Ends a request"},
      {"POST", "/tokenize", kKey, handle_tokenize, true, "Text to token ids"},
      {"POST", "/detokenize", kKey, handle_detokenize, true, "Token ids to text"},
      {"GET", "/tokenizer_info", kKey, handle_tokenizer_info, false, "Special tokens and template"},
      {"POST", "/completion", kKey, handle_llama_completion, true, "llama-server's completion"},
      {"POST", "/completions", kKey, handle_completions, true, "As /v1/completions"},
      {"POST", "/chat/completions", kKey, handle_chat_completions, true, "As /v1/chat/completions"},
      {"GET", "/props", kKey, handle_props, false, "llama-server's settings"},
      {"GET", "/slots", kKey, handle_slots, false, "llama-server's slots"},
      {"POST", "/apply-template", kKey, handle_apply_template, true,
       "A conversation as the model reads it"},
  });
  return kRoutes;
}

}  // namespace ernie
