#pragma once

/// The Responses API, as a chat of one answer.

#include "server/routes.h"

namespace ernie {

Reply handle_responses(Service& service, Exchange& exchange);
Reply handle_stored_response(Service& service, Exchange& exchange);

}  // namespace ernie
