// Bytes of a connection: read as requests without harm, and the same requests however they are cut.
// The first byte says how.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "server/request_reader.h"

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

struct Seen {
  std::vector<std::string> requests;
  int problem = 0;
};

Seen read_all(std::string_view bytes, size_t piece) {
  ernie::HttpLimits limits;
  limits.max_header_bytes = 2048;
  limits.max_body_bytes = 4096;
  limits.max_target_bytes = 256;
  limits.max_headers = 16;
  Seen seen;
  while (!bytes.empty() && seen.problem == 0) {
    ernie::RequestReader reader(limits);
    while (reader.state() != ernie::RequestReader::State::kDone) {
      if (bytes.empty()) return seen;
      std::optional<ernie::HttpProblem> problem;
      const size_t used = reader.feed(bytes.substr(0, piece), problem);
      if (problem) {
        expect(problem->status >= 400 && problem->status < 500 && !problem->message.empty());
        seen.problem = problem->status;
        return seen;
      }
      expect(used > 0 && used <= std::min(bytes.size(), piece));
      bytes.remove_prefix(used);
    }
    const ernie::HttpRequest request = reader.take();
    expect(request.path.size() <= limits.max_target_bytes);
    expect(request.body.size() <= limits.max_body_bytes);
    expect(request.headers.size() <= limits.max_headers);
    seen.requests.push_back(request.method + " " + request.path + "\n" + request.body);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Seen whole = read_all(bytes, bytes.size() + 1);
  const Seen cut = read_all(bytes, data[0] % 32 + 1);
  // What is refused may be noticed earlier or later, but not what is accepted before it.
  const size_t common = std::min(whole.requests.size(), cut.requests.size());
  for (size_t i = 0; i < common; ++i) expect(whole.requests[i] == cut.requests[i]);
  expect((whole.problem == 0) == (cut.problem == 0));
  expect(whole.requests.size() == cut.requests.size());
  return 0;
}
