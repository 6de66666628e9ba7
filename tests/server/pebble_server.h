// A server with the embedded model, in this process.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "tarn/base/team.h"
#include "tarn/server/server.h"
#include "tests/server/raw_client.h"

namespace tarn::testing {

// On one thread: tests that run side by side do not wait for each other's barriers.
inline const LoadedModel& pebble() {
  static const LoadedModel model = [] {
    Team::set_size(1);
    return LoadedModel(TARN_MODELS_DIR "/pebble");
  }();
  return model;
}

// What tests start from: port 0, no sensors, two answers at once, four wait.
inline server::ServerOptions server_options() {
  server::ServerOptions options;
  options.http.port = 0;
  options.governor.enabled = false;
  options.service.model_name = "pebble";
  options.service.engine.max_sequences = 2;
  options.service.engine.max_queue = 4;
  options.service.engine.cache_bytes = uint64_t{256} << 20U;
  return options;
}

class PebbleServer {
 public:
  explicit PebbleServer(const std::function<void(server::ServerOptions&)>& change = {})
      : server_(pebble(), changed(change)) {}

  uint16_t port() const { return server_.port(); }
  server::Server& server() { return server_; }
  EngineStats stats() { return server_.service().engine().stats(); }

  // One request on a connection of its own.
  RawResponse get(const std::string& path) const {
    RawClient client(port());
    client.send(get_text(path));
    return client.read();
  }
  RawResponse post(const std::string& path, const std::string& body,
                   const std::string& headers = "") const {
    RawClient client(port());
    client.send(post_text(path, body, headers));
    return client.read();
  }

  static std::string get_text(const std::string& path, const std::string& headers = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, headers);
  }
  static std::string post_text(const std::string& path, const std::string& body,
                               const std::string& headers = "") {
    return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{}\r\n{}",
                       path, body.size(), headers, body);
  }
  // An answer of exactly so many tokens.
  static std::string completion(int64_t tokens, bool stream, const std::string& prompt = "Once") {
    nlohmann::json body{{"prompt", prompt},
                        {"max_tokens", tokens},
                        {"stream", stream},
                        {"ignore_eos", true},
                        {"temperature", 0}};
    return body.dump();
  }
  static std::string completion_text(int64_t tokens, bool stream) {
    return post_text("/v1/completions", completion(tokens, stream));
  }

  // Whether it comes true within that time.
  static bool soon(const std::function<bool()>& condition,
                   std::chrono::milliseconds timeout = 60s) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }
  bool soon_running(int64_t count) {
    return soon([&] { return stats().running == count; });
  }

 private:
  static server::ServerOptions changed(const std::function<void(server::ServerOptions&)>& change) {
    server::ServerOptions options = server_options();
    if (change) change(options);
    return options;
  }
  server::Server server_;
};

}  // namespace tarn::testing
