#pragma once

/// The Messages API, as a chat of one answer.

#include "server/routes.h"

namespace ernie {

Reply handle_messages(Service& service, Exchange& exchange);
Reply handle_count_tokens(Service& service, Exchange& exchange);

}  // namespace ernie
