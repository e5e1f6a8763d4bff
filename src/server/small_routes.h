#pragma once

#include "server/routes.h"

namespace ernie {

Reply handle_health(Service& service, Exchange& exchange);
Reply handle_ready(Service& service, Exchange& exchange);
Reply handle_version(Service& service, Exchange& exchange);
Reply handle_metrics(Service& service, Exchange& exchange);
Reply handle_load(Service& service, Exchange& exchange);
Reply handle_models(Service& service, Exchange& exchange);
Reply handle_model(Service& service, Exchange& exchange);
Reply handle_cancel(Service& service, Exchange& exchange);
Reply handle_tokenize(Service& service, Exchange& exchange);
Reply handle_detokenize(Service& service, Exchange& exchange);
Reply handle_tokenizer_info(Service& service, Exchange& exchange);

/// The template of the -PT models as Jinja, for clients that render it themselves; empty for the
/// Thinking model, whose checkpoint has its own.
std::string jinja_chat_template(const Service& service);

}  // namespace ernie
