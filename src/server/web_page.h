#pragma once

#include "server/routes.h"

namespace ernie {

Reply handle_page(Service& service, Exchange& exchange);
Reply handle_page_file(Service& service, Exchange& exchange);

}  // namespace ernie
