#include "tarn/server/access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "tarn/base/file.h"

namespace tarn::server {
namespace {

constexpr uint64_t largest_key_file = 1 << 20;

// An address of this machine, or a name that always is one. "127.0.0.1.example.org" is neither.
bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1" || host == "[::1]" || host.ends_with(".localhost")) {
    return true;
  }
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return result;
}

// "example.org:8080" without its port; "[::1]:8080" is "[::1]".
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

std::array<unsigned char, 32> digest_of(std::string_view key) {
  std::array<unsigned char, 32> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

std::vector<std::string> keys_of(const AccessOptions& options) {
  std::vector<std::string> keys = options.keys;
  if (!options.key_file.empty()) {
    const std::string text = read_file(options.key_file, largest_key_file);
    size_t at = 0;
    while (at < text.size()) {
      const size_t end = std::min(text.find('\n', at), text.size());
      std::string_view line = std::string_view(text).substr(at, end - at);
      at = end + 1;
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
      if (!line.empty() && !line.starts_with('#')) keys.emplace_back(line);
    }
    if (keys.empty()) {
      fail(ErrorCode::invalid_argument, "{}: it holds no key; write one a line",
           options.key_file.string());
    }
  }
  for (const std::string& key : keys) {
    if (key.empty())
      fail(ErrorCode::invalid_argument, "API key: it is empty; give a long random text");
  }
  return keys;
}

}  // namespace

Access::Access(AccessOptions options, const std::string& address)
    : options_(std::move(options)), loopback_(is_loopback(address)) {
  reload();
  if (!loopback_ && digests_.empty() && !options_.no_auth) {
    fail(ErrorCode::invalid_argument,
         "{}: others can reach this address, so an API key is needed; give --api-key or "
         "--api-key-file, or say --no-auth if all of them may use the model",
         address);
  }
}

void Access::reload() {
  std::vector<Digest> digests;
  for (const std::string& key : keys_of(options_)) digests.push_back(digest_of(key));
  const std::lock_guard lock(mutex_);
  digests_ = std::move(digests);
}

bool Access::needs_key() const {
  const std::lock_guard lock(mutex_);
  return !digests_.empty();
}

std::string_view Access::key_of(const HttpRequest& request) {
  constexpr std::string_view bearer = "bearer ";
  const std::string_view authorization = request.header("authorization");
  const bool is_bearer =
      authorization.size() > bearer.size() &&
      std::equal(bearer.begin(), bearer.end(), authorization.begin(),
                 [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
  if (is_bearer) return authorization.substr(bearer.size());
  for (const char* name : {"x-api-key", "api-key"}) {
    if (!request.header(name).empty()) return request.header(name);
  }
  return {};
}

bool Access::host_is_known(const HttpRequest& request) const {
  const std::string host = lower(without_port(request.header("host")));
  if (host.empty()) return true;  // of HTTP/1.0, which no browser speaks
  if (std::any_of(options_.hosts.begin(), options_.hosts.end(),
                  [&](const std::string& one) { return lower(one) == host; })) {
    return true;
  }
  // A page of another name that resolves to this machine must not pass for one of ours.
  if (loopback_) return is_loopback(host);
  return options_.hosts.empty();
}

bool Access::origin_is_listed(std::string_view origin) const {
  return std::any_of(options_.origins.begin(), options_.origins.end(),
                     [&](const std::string& one) { return one == "*" || one == origin; });
}

std::optional<ApiError> Access::check(const HttpRequest& request, bool open) const {
  if (!host_is_known(request)) {
    return ApiError(403,
                    fmt::format("host: this server does not answer to \"{}\"; start it with "
                                "--allow-host if it should",
                                without_port(request.header("host"))),
                    "host");
  }
  if (const std::string_view origin = request.header("origin"); !origin.empty()) {
    const size_t scheme = origin.find("://");
    const bool own =
        scheme != std::string_view::npos && origin.substr(scheme + 3) == request.header("host");
    if (!own && !origin_is_listed(origin)) {
      return ApiError(403,
                      fmt::format("origin: pages of {} may not call this server; start it with "
                                  "--cors-origin if they should",
                                  origin),
                      "origin");
    }
  }
  if (open || is_preflight(request) || !needs_key()) return std::nullopt;
  const std::string_view key = key_of(request);
  if (key.empty()) {
    return ApiError(401, "API key: it is missing; send \"Authorization: Bearer KEY\"",
                    "authorization", "missing_api_key");
  }
  // All keys are compared, and by their digests: the time tells nothing.
  const Digest given = digest_of(key);
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    for (const Digest& one : digests_) {
      known |= CRYPTO_memcmp(one.data(), given.data(), given.size()) == 0;
    }
  }
  if (known) return std::nullopt;
  return ApiError(401, "API key: this one is not valid", "authorization", "invalid_api_key");
}

std::string Access::client(const HttpRequest& request) const {
  if (!needs_key()) return request.peer;
  const Digest digest = digest_of(key_of(request));
  std::string name = "key:";
  for (int i = 0; i < 6; ++i) name += fmt::format("{:02x}", digest[static_cast<size_t>(i)]);
  return name;
}

bool Access::is_preflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
}

Headers Access::cors(const HttpRequest& request) const {
  const std::string origin(request.header("origin"));
  if (origin.empty() || !origin_is_listed(origin)) return {};
  Headers headers{{"Access-Control-Allow-Origin", origin}, {"Vary", "Origin"}};
  if (is_preflight(request)) {
    headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    headers.emplace_back(
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type, X-Api-Key, Anthropic-Version, Anthropic-Beta");
    headers.emplace_back("Access-Control-Max-Age", "3600");
  }
  return headers;
}

}  // namespace tarn::server
