#pragma once

/// What clients of llama-server use besides the OpenAI routes.

#include "server/routes.h"

namespace ernie {

Reply handle_llama_completion(Service& service, Exchange& exchange);
Reply handle_props(Service& service, Exchange& exchange);
Reply handle_slots(Service& service, Exchange& exchange);
Reply handle_apply_template(Service& service, Exchange& exchange);

}  // namespace ernie
