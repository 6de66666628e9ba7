// Who may ask: API keys, the Host header, origins of browsers.
#pragma once

#include <array>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tarn/server/api_error.h"
#include "tarn/server/http/message.h"

namespace tarn::server {

struct AccessOptions {
  std::vector<std::string> keys;
  std::filesystem::path key_file;    // one key a line, # begins a comment; read again by reload()
  bool no_auth = false;              // an address that others can reach may go without keys
  std::vector<std::string> origins;  // of web pages that may call; "*": all
  std::vector<std::string> hosts;    // names that this server answers to, beside its own address
};

class Access {
 public:
  // Error(invalid_argument) for an address that is not loopback without keys and without no_auth,
  // and for an empty key; Error(io) for a key file that cannot be read.
  Access(AccessOptions options, const std::string& address);

  // Reads the key file again; on an error the keys stay as they are.
  void reload();
  bool needs_key() const;

  // ApiError 401 for a missing or wrong key, 403 for a host or an origin that is not known, else
  // nothing. `open`: no key is needed here.
  std::optional<ApiError> check(const HttpRequest& request, bool open) const;
  // Who asks, for fairness: a part of a hash of the key, or the address.
  std::string client(const HttpRequest& request) const;
  // CORS headers of the answer; none when no page asks, or one of this server's own.
  Headers cors(const HttpRequest& request) const;
  // Whether it is a browser's question for leave, which needs no key.
  static bool is_preflight(const HttpRequest& request);

 private:
  using Digest = std::array<unsigned char, 32>;
  bool host_is_known(const HttpRequest& request) const;
  bool origin_is_listed(std::string_view origin) const;
  static std::string_view key_of(const HttpRequest& request);

  AccessOptions options_;
  bool loopback_;
  mutable std::mutex mutex_;
  std::vector<Digest> digests_;  // of the keys
};

}  // namespace tarn::server
