#include "client/http_client.h"

#include <curl/curl.h>

#include <mutex>

namespace ernie {
namespace {

constexpr long kConnectTimeoutS = 10;

void start_library_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

Result<ServerAddress> parse_server_address(std::string url, std::string api_key) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--url: got {}, expected http://HOST:PORT or https://HOST:PORT", url);
  }
  while (url.ends_with('/')) url.pop_back();
  constexpr std::string_view kApi = "/v1";
  if (url.ends_with(kApi)) url.resize(url.size() - kApi.size());
  while (url.ends_with('/')) url.pop_back();
  return ServerAddress{std::move(url), std::move(api_key)};
}

struct HttpClient::State {
  ServerAddress address;
  CURL* curl = nullptr;
  curl_slist* headers = nullptr;
  std::string problem = std::string(CURL_ERROR_SIZE, '\0');

  // Of the transfer under way:
  const OnBytes* on_bytes = nullptr;
  std::string* body = nullptr;
  bool was_cancelled = false;

  static size_t take(char* data, size_t size, size_t count, void* self) {
    auto& state = *static_cast<State*>(self);
    const std::string_view bytes(data, size * count);
    if (!*state.on_bytes) {
      state.body->append(bytes);
      return bytes.size();
    }
    long status = 0;
    curl_easy_getinfo(state.curl, CURLINFO_RESPONSE_CODE, &status);
    if ((*state.on_bytes)(static_cast<int>(status), bytes)) return bytes.size();
    state.was_cancelled = true;
    return 0;
  }
};

HttpClient::HttpClient(ServerAddress address) : state_(std::make_unique<State>()) {
  start_library_once();
  State& state = *state_;
  state.address = std::move(address);
  state.curl = curl_easy_init();
  if (state.curl == nullptr) return;
  state.headers = curl_slist_append(nullptr, "Content-Type: application/json");
  state.headers = curl_slist_append(state.headers, "Expect:");
  if (!state.address.api_key.empty()) {
    const std::string line = "Authorization: Bearer " + state.address.api_key;
    state.headers = curl_slist_append(state.headers, line.c_str());
  }
  curl_easy_setopt(state.curl, CURLOPT_HTTPHEADER, state.headers);
  curl_easy_setopt(state.curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(state.curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(state.curl, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutS);
  curl_easy_setopt(state.curl, CURLOPT_ERRORBUFFER, state.problem.data());
  curl_easy_setopt(state.curl, CURLOPT_WRITEFUNCTION, &State::take);
  curl_easy_setopt(state.curl, CURLOPT_WRITEDATA, &state);
}

HttpClient::~HttpClient() {
  curl_slist_free_all(state_->headers);
  if (state_->curl != nullptr) curl_easy_cleanup(state_->curl);
}

void HttpClient::set_timeout(std::chrono::seconds timeout) {
  if (state_->curl == nullptr) return;
  curl_easy_setopt(state_->curl, CURLOPT_TIMEOUT, static_cast<long>(timeout.count()));
}

Result<HttpResponse> HttpClient::request(const std::string& path, const std::string* body,
                                         const OnBytes& on_bytes) {
  State& state = *state_;
  if (state.curl == nullptr) return make_error(ErrorCode::kIo, "cannot start an HTTP client");
  HttpResponse response;
  state.on_bytes = &on_bytes;
  state.body = &response.body;
  state.was_cancelled = false;
  const std::string url = state.address.url + path;
  curl_easy_setopt(state.curl, CURLOPT_URL, url.c_str());
  if (body != nullptr) {
    curl_easy_setopt(state.curl, CURLOPT_POST, 1L);
    curl_easy_setopt(state.curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(body->size()));
    curl_easy_setopt(state.curl, CURLOPT_POSTFIELDS, body->data());
  } else {
    curl_easy_setopt(state.curl, CURLOPT_HTTPGET, 1L);
  }
  state.problem[0] = '\0';
  const CURLcode code = curl_easy_perform(state.curl);
  if (state.was_cancelled) return make_error(ErrorCode::kCancelled, "{}: cancelled", url);
  if (code != CURLE_OK) {
    const char* why = state.problem[0] != '\0' ? state.problem.c_str() : curl_easy_strerror(code);
    return make_error(ErrorCode::kIo, "{}: {}", url, why);
  }
  long status = 0;
  curl_easy_getinfo(state.curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  curl_off_t retry_after = 0;
  if (curl_easy_getinfo(state.curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK &&
      retry_after > 0) {
    response.retry_after_s = static_cast<double>(retry_after);
  }
  return response;
}

bool EventReader::push(std::string_view bytes,
                       const std::function<bool(std::string_view data)>& event) {
  pending_ += bytes;
  size_t begin = 0;
  while (true) {
    const size_t end = pending_.find('\n', begin);
    if (end == std::string::npos) break;
    std::string_view line = std::string_view(pending_).substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    constexpr std::string_view kData = "data:";
    if (!line.starts_with(kData)) continue;
    line.remove_prefix(kData.size());
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (!event(line)) return false;
  }
  pending_.erase(0, begin);
  return true;
}

}  // namespace ernie
