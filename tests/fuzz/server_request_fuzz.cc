// Bodies of the generation routes: accepted within the limits, or refused in one line.

#include <boost/json/value.hpp>
#include <cstdint>
#include <cstdlib>

#include "api/server_request.h"
#include "json/parse.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

void check(const ernie::Result<ernie::ServerRequest>& request, const ernie::RequestLimits& limits) {
  if (!request) {
    const std::string& message = request.error().message;
    expect(!message.empty() && message.size() < 4096 && message.find('\n') == std::string::npos);
    return;
  }
  expect(request->n >= 1 && request->n <= limits.max_n);
  expect(!request->prompts.empty());
  expect(request->prompts.size() <= static_cast<size_t>(limits.max_prompts));
  expect(request->params.logprobs.value_or(0) <= limits.max_logprobs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = ernie::parse_json({reinterpret_cast<const char*>(data), size});
  if (!body || !body->is_object()) return 0;
  const ernie::RequestLimits limits;
  check(ernie::parse_server_completion(body->get_object(), {}, limits), limits);
  check(ernie::parse_server_chat(body->get_object(), {}, limits), limits);
  return 0;
}
