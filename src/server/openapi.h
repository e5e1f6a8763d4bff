#pragma once

#include "server/routes.h"

namespace ernie {

Reply handle_openapi(Service& service, Exchange& exchange);

}  // namespace ernie
