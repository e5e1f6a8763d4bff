#include "client/http_client.h"

#include <curl/curl.h>

#include <mutex>

namespace ernie {
namespace {

constexpr long kConnectTimeoutS = 10;
constexpr std::chrono::milliseconds kDefaultInterval{1000};

void start_library_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

bool never_connected(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_COULDNT_CONNECT;
}

}  // namespace

Result<ServerAddress> parse_server_address(std::string url, std::string api_key) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--url: got {}, expected http://HOST:PORT or https://HOST:PORT", url);
  }
  const size_t host = url.find("://") + 3;
  if (url.substr(host, url.find('/', host) - host).find('@') != std::string::npos) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--url: got a user name in it, expected a key in --api-key");
  }
  while (url.ends_with('/')) url.pop_back();
  constexpr std::string_view kApi = "/v1";
  if (url.ends_with(kApi)) url.resize(url.size() - kApi.size());
  while (url.ends_with('/')) url.pop_back();
  return ServerAddress{.url = std::move(url), .api_key = std::move(api_key), .ca_file = ""};
}

struct HttpClient::State {
  ServerAddress address;
  CURL* curl = nullptr;
  CURLM* transfers = nullptr;  // of one at a time: only here can a wait be ended
  curl_slist* headers = nullptr;
  std::function<bool()> stop;
  std::chrono::milliseconds interval = kDefaultInterval;
  std::string problem = std::string(CURL_ERROR_SIZE, '\0');

  // Of the transfer under way:
  const OnBytes* on_bytes = nullptr;
  std::string* body = nullptr;
  bool was_cancelled = false, is_too_long = false;

  static size_t take(char* data, size_t size, size_t count, void* self) {
    auto& state = *static_cast<State*>(self);
    const std::string_view bytes(data, size * count);
    if (!*state.on_bytes) {
      if (state.body->size() + bytes.size() > kMaxBodyBytes) {
        state.is_too_long = true;
        return 0;
      }
      state.body->append(bytes);
      return bytes.size();
    }
    long status = 0;
    curl_easy_getinfo(state.curl, CURLINFO_RESPONSE_CODE, &status);
    if ((*state.on_bytes)(static_cast<int>(status), bytes)) return bytes.size();
    state.was_cancelled = true;
    return 0;
  }

  /// The transfer that `curl` describes, to its end.
  CURLcode perform() {
    if (curl_multi_add_handle(transfers, curl) != CURLM_OK) return CURLE_FAILED_INIT;
    CURLcode code = CURLE_OK;
    int num_running = 1;
    while (num_running > 0) {
      was_cancelled = was_cancelled || (stop && stop());
      if (was_cancelled) break;
      if (curl_multi_perform(transfers, &num_running) != CURLM_OK) {
        code = CURLE_RECV_ERROR;
        break;
      }
      if (num_running == 0) break;
      curl_multi_poll(transfers, nullptr, 0, static_cast<int>(interval.count()), nullptr);
    }
    int num_left = 0;
    while (const CURLMsg* message = curl_multi_info_read(transfers, &num_left)) {
      if (message->msg == CURLMSG_DONE) code = message->data.result;
    }
    curl_multi_remove_handle(transfers, curl);
    return code;
  }
};

HttpClient::HttpClient(ServerAddress address) : state_(std::make_unique<State>()) {
  start_library_once();
  State& state = *state_;
  state.address = std::move(address);
  state.transfers = curl_multi_init();
  state.curl = state.transfers == nullptr ? nullptr : curl_easy_init();
  if (state.curl == nullptr) return;
  state.headers = curl_slist_append(nullptr, "Content-Type: application/json");
  state.headers = curl_slist_append(state.headers, "Expect:");
  if (!state.address.api_key.empty()) {
    const std::string line = "Authorization: Bearer " + state.address.api_key;
    state.headers = curl_slist_append(state.headers, line.c_str());
  }
  curl_easy_setopt(state.curl, CURLOPT_HTTPHEADER, state.headers);
  if (!state.address.ca_file.empty()) {
    curl_easy_setopt(state.curl, CURLOPT_CAINFO, state.address.ca_file.c_str());
  }
  if (state.address.insecure) {
    curl_easy_setopt(state.curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(state.curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
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
  if (state_->transfers != nullptr) curl_multi_cleanup(state_->transfers);
}

void HttpClient::set_timeout(std::chrono::seconds timeout) {
  if (state_->curl == nullptr) return;
  curl_easy_setopt(state_->curl, CURLOPT_TIMEOUT, static_cast<long>(timeout.count()));
}

void HttpClient::set_stop(std::function<bool()> stop, std::chrono::milliseconds interval) {
  state_->stop = std::move(stop);
  state_->interval = interval;
}

Result<HttpResponse> HttpClient::request(const std::string& path, const std::string* body,
                                         const OnBytes& on_bytes) {
  State& state = *state_;
  if (state.curl == nullptr) return make_error(ErrorCode::kIo, "cannot start an HTTP client");
  HttpResponse response;
  state.on_bytes = &on_bytes;
  state.body = &response.body;
  state.was_cancelled = state.is_too_long = false;
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
  const CURLcode code = state.perform();
  if (state.was_cancelled) return make_error(ErrorCode::kCancelled, "{}: cancelled", url);
  if (code != CURLE_OK) {
    const char* why = state.problem[0] != '\0' ? state.problem.c_str() : curl_easy_strerror(code);
    if (state.is_too_long) why = "the answer is too long";
    return make_error(never_connected(code) ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: {}", url,
                      why);
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
  return pending_.size() <= kMaxLineBytes;
}

}  // namespace ernie
