#include "server/small_routes.h"

#include <boost/json/array.hpp>

#include "server/replies.h"
#include "server/service.h"

namespace ernie {
namespace {

namespace json = boost::json;

HttpReply unavailable(const Error& error) { return error_reply(503, error); }

json::object model_json(const Service& service, const std::string& name) {
  json::object model{{"id", name},
                     {"object", "model"},
                     {"created", service.created()},
                     {"owned_by", "ernie.cpp"},
                     {"root", service.model_name()},
                     {"parent", nullptr}};
  if (!service.is_loaded()) return model;
  model["max_model_len"] = service.loop().limits().max_model_len;
  model["permission"] = json::array();
  model["meta"] = {{"description", service.model_description()},
                   {"n_vocab", service.loop().limits().vocab_size},
                   {"n_ctx_train", service.loop().config().max_position_embeddings},
                   {"n_embd", service.loop().config().hidden_size}};
  return model;
}

}  // namespace

Reply handle_health(Service& service, Exchange&) {
  const auto ready = service.ready();
  if (!ready) return unavailable(ready.error());
  return HttpReply{.content_type = "", .body = ""};
}

Reply handle_ready(Service& service, Exchange& exchange) {
  return handle_health(service, exchange);
}

Reply handle_version(Service&, Exchange&) {
  return json_reply(json::object{{"version", ERNIE_VERSION}});
}

Reply handle_metrics(Service& service, Exchange&) {
  HttpReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = service.metrics().text(service.is_loaded() ? &service.loop() : nullptr);
  return reply;
}

Reply handle_load(Service& service, Exchange&) {
  return json_reply(json::object{{"server_load", service.num_requests()}});
}

Reply handle_models(Service& service, Exchange&) {
  if (!service.is_loaded()) return unavailable(service.ready().error());
  json::array models;
  for (const std::string& name : service.model_names()) {
    models.push_back(model_json(service, name));
  }
  return json_reply(json::object{{"object", "list"}, {"data", std::move(models)}});
}

Reply handle_model(Service& service, Exchange& exchange) {
  if (!service.is_loaded()) return unavailable(service.ready().error());
  const auto known = service.check_model(exchange.path_parameter);
  if (!known) return error_reply(known.error());
  return json_reply(model_json(service, exchange.path_parameter));
}

Reply handle_cancel(Service& service, Exchange& exchange) {
  const std::string& id = exchange.path_parameter;
  if (!service.is_loaded() || !service.cancel_request(id)) {
    return error_reply(make_error(ErrorCode::kNotFound, "no request of this id is under way"));
  }
  return json_reply(json::object{{"id", id}, {"object", "request.cancelled"}});
}

}  // namespace ernie
