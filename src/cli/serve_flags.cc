#include "cli/serve_flags.h"

#include <climits>

#include "cli/flag_group.h"
#include "json/parse.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

void add_network_flags(CLI::App& app, ServeFlags& flags) {
  const FlagGroup group(app, "Network");
  ServerOptions& server = flags.server;
  app.add_option("--host", server.host, "Address to listen on; 0.0.0.0: every one of this machine")
      ->capture_default_str();
  app.add_option("--port", server.port, "Port to listen on; 0: any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--uds", server.unix_socket, "Listen on this Unix socket instead")
      ->type_name("FILE");
  app.add_option("--root-path", server.root_path, "Prefix of paths that a proxy leaves there");
  app.add_option("--api-key", server.api_keys,
                 "Keys, one of which a client must send. Better in the environment, as "
                 "VLLM_API_KEY or ERNIE_ARG_API_KEY")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--public-metrics", server.public_metrics, "/metrics needs no key");
  app.add_option("--ssl-keyfile", server.tls.key_file, "Private key, PEM: serve HTTPS")
      ->type_name("FILE");
  app.add_option("--ssl-certfile", server.tls.certificate_file, "Certificate chain, PEM")
      ->type_name("FILE");
  app.add_option("--ssl-ca-certs", server.tls.ca_file, "Authorities of clients' certificates, PEM")
      ->type_name("FILE");
  app.add_option_function<int>(
         "--ssl-cert-reqs",
         [&server](int level) { server.tls.require_client_certificate = level == 2; },
         "2: a client must have a certificate")
      ->check(CLI::IsMember({0, 1, 2}))
      ->default_str("0");
  app.add_option("--allowed-origins", flags.origins, "CORS: origins, a JSON list; []: none")
      ->capture_default_str();
  app.add_option("--allowed-methods", flags.methods, "CORS: methods, a JSON list")
      ->capture_default_str();
  app.add_option("--allowed-headers", flags.headers, "CORS: headers, a JSON list")
      ->capture_default_str();
  app.add_flag("--allow-credentials", server.cors.allow_credentials, "CORS: allow credentials");
  app.add_flag("--enable-request-id-headers", server.request_id_headers,
               "Replies have X-Request-Id");
}

void add_limit_flags(CLI::App& app, ServeFlags& flags) {
  const FlagGroup group(app, "Limits");
  HttpLimits& limits = flags.server.limits;
  RequestLimits& requests = flags.service.limits;
  const CLI::Range count(int64_t{1}, int64_t{INT_MAX});
  app.add_option("--max-body-bytes", limits.max_body_bytes, "Longest body of a request")
      ->check(count)
      ->capture_default_str();
  app.add_option("--max-connections", limits.max_connections, "Connections at a time")
      ->check(count)
      ->capture_default_str();
  app.add_option("--max-queued-requests", flags.service.loop.max_queued_requests,
                 "Requests that may wait; one more is refused with 429")
      ->check(count)
      ->capture_default_str();
  app.add_option("--max-queued-tokens", flags.service.loop.max_queued_tokens,
                 "Tokens of prompts that may wait; 0: that many that only requests count")
      ->check(CLI::Range(int64_t{0}, int64_t{LLONG_MAX}))
      ->capture_default_str();
  app.add_option("--scheduling-policy", flags.scheduling_policy,
                 "fcfs: in turn among clients; priority: the `priority` of requests first")
      ->check(CLI::IsMember({"fcfs", "priority"}))
      ->capture_default_str();
  app.add_option("--max-logprobs", flags.max_logprobs, "Most log-probabilities of a token")
      ->check(CLI::Range(0, 20))
      ->capture_default_str();
  app.add_option("--max-n", requests.max_n, "Most choices of a prompt")
      ->check(CLI::Range(1, 128))
      ->capture_default_str();
  app.add_option("--shutdown-timeout", flags.shutdown_timeout_s,
                 "Seconds that running requests have after a signal; 0: none")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  app.add_option("--step-timeout", flags.step_timeout_s,
                 "Seconds of a step after which /health turns red")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
}

void add_answer_flags(CLI::App& app, ServeFlags& flags) {
  const FlagGroup group(app, "Answers");
  ServiceOptions& service = flags.service;
  app.add_option("--served-model-name", service.model_names,
                 "Names for `model` in requests; the first stands in answers and metrics (default: "
                 "the directory's name)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--skip-model-name-check", service.any_model, "Accept any `model` in requests");
  app.add_option("--generation-config", flags.generation_config,
                 "auto: sampling defaults of the model's generation_config.json; vllm: none")
      ->check(CLI::IsMember({"auto", "vllm"}))
      ->capture_default_str();
  app.add_flag("--enable-force-include-usage", service.force_usage,
               "Every stream ends with its usage");
  app.add_flag("--enable-log-requests,!--no-enable-log-requests,!--disable-log-requests",
               service.log_requests, "A line in the log for each request, without its text")
      ->default_str("true");
}

/// Flags whose function is not there, refused unless they say what holds anyway.
void add_refused_flags(CLI::App& app) {
  const FlagGroup group(app, "Accepted for the sake of existing command lines");
  const auto only = [&app](const std::string& names, const std::string& value, const char* why) {
    app.add_option_function<std::string>(
           names, [](const std::string&) {}, why)
        ->check([value](const std::string& got) {
          return got == value ? "" : fmt::format("got {}, expected {}", got, value);
        })
        ->default_str(value);
  };
  only("-q,--quantization", "none", "Weights are used as the checkpoint has them");
  only("--tensor-parallel-size", "1", "One device computes so far");
  only("--pipeline-parallel-size", "1", "One device computes so far");
  only("--data-parallel-size", "1", "One device computes so far");
  only("--tokenizer-mode", "auto", "There is one tokenizer");
  only("--kv-cache-dtype", "auto", "As --dtype");
  only("--chat-template", "auto", "The model's own template is used");
  const auto always = [&app](const char* names, const char* why) {
    app.add_flag_callback(
        names, [] {}, why);
  };
  always("--enable-chunked-prefill", "Always on");
  always("--enable-auto-tool-choice", "Always on");
  always("--enable-prompt-tokens-details", "Always on");
  always("--enable-server-load-tracking", "Always on");
  always("--trust-remote-code", "Nothing in a model's directory is ever executed");
  always("--enforce-eager", "There are no graphs to capture");
  app.add_option_function<std::string>(
         "--tool-call-parser", [](const std::string&) {}, "The model's own format is parsed")
      ->default_str("ernie45");
  app.add_option_function<std::string>(
         "--reasoning-parser", [](const std::string&) {}, "The model's own format is parsed")
      ->default_str("ernie45");
}

Result<std::vector<std::string>> text_list(const char* flag, const std::string& text) {
  const auto value = parse_json(text);
  std::vector<std::string> list;
  if (value && value->is_array()) {
    for (const json::value& item : value->get_array()) {
      if (item.is_string()) list.emplace_back(item.get_string());
    }
    if (list.size() == value->get_array().size()) return list;
  }
  return make_error(ErrorCode::kInvalidArgument, "{}: got {}, expected a JSON list of texts", flag,
                    text);
}

}  // namespace

void add_serve_flags(CLI::App& app, ServeFlags& flags) {
  // As in `vllm serve`: of a flag given twice the last one counts.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  flags.engine.engine.max_num_seqs = 128;
  // Where neither a size is given nor less is needed: what a server may keep of a machine's memory.
  flags.engine.engine.max_kv_cache_bytes = int64_t{4} << 30;
  flags.service.loop.max_queued_requests = 1024;
  app.add_option("model_tag", flags.model, "The model, as --model names it")
      ->type_name("PATH")
      ->expected(0, 1);
  add_network_flags(app, flags);
  add_engine_flags(app, flags.engine);
  add_limit_flags(app, flags);
  add_answer_flags(app, flags);
  add_refused_flags(app);
  app.add_option("--config", "A YAML or JSON file of flags by name; what is typed counts first")
      ->type_name("FILE")
      ->expected(1);
  app.footer("Every flag has a twin in the environment: ERNIE_ARG_PORT for --port.");
}

Result<void> complete_serve_flags(ServeFlags& flags) {
  if (!flags.model.empty()) {
    const std::string& model = flags.model.front();
    if (model.empty()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "the model: got an empty name, expected a directory, or nothing for the "
                        "demo");
    }
    if (!flags.engine.model.empty() && flags.engine.model != model) {
      return make_error(ErrorCode::kInvalidArgument, "--model: got {} beside {}, expected one",
                        flags.engine.model, model);
    }
    flags.engine.model = model;
  }
  if (flags.scheduling_policy == "priority") {
    flags.engine.engine.scheduling_policy = SchedulingPolicy::kPriority;
    flags.service.limits.allows_priority = true;
  }
  ERNIE_TRY(flags.server.cors.origins, text_list("--allowed-origins", flags.origins));
  ERNIE_TRY(flags.server.cors.methods, text_list("--allowed-methods", flags.methods));
  ERNIE_TRY(flags.server.cors.headers, text_list("--allowed-headers", flags.headers));
  for (const std::string& key : flags.server.api_keys) {
    if (key.empty()) {
      return make_error(ErrorCode::kInvalidArgument, "--api-key: got an empty key");
    }
  }
  std::string& root = flags.server.root_path;
  while (root.ends_with('/')) root.pop_back();
  if (!root.empty() && !root.starts_with('/')) root.insert(0, "/");
  flags.service.limits.max_logprobs = flags.max_logprobs;
  flags.service.step_timeout = std::chrono::seconds(flags.step_timeout_s);
  return {};
}

}  // namespace ernie
