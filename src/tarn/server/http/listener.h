// The HTTP/1.1 server: connections, limits, TLS. What a request means is the handler's matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tarn/server/http/message.h"

namespace tarn::server {

struct ListenerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;                   // 0: any free one
  std::filesystem::path tls_certificate;  // PEM, the chain; empty: no TLS
  std::filesystem::path tls_key;
  size_t max_header_bytes = 32 * 1024;
  size_t max_body_bytes = 64 * 1024 * 1024;
  size_t max_bodies_bytes = 512 * 1024 * 1024;  // of all requests that are read or answered
  size_t max_connections = 1024;
  size_t reserved_connections = 64;  // beyond those: for what is urgent, and to tell the others
  // The kernel's, of each connection. It tells only of a third of it that a client has taken.
  size_t send_buffer_bytes = 64 * 1024;
  // Connections that take longer are closed.
  std::chrono::milliseconds header_timeout{10'000};  // from the connection, or from the first byte
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds idle_timeout{75'000};   // between requests
  std::chrono::milliseconds write_timeout{30'000};  // without the client taking a byte
};

struct HttpHandlers {
  // Looks at a request whose body has not been read. An answer refuses it, and the connection ends.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> check;
  // Must return soon and leave longer work to others: all connections wait meanwhile.
  std::function<void(HttpRequest, std::shared_ptr<Responder>)> handle;
  // The body of an error that the listener itself finds: 400, 413, 431, 503.
  std::function<HttpResponse(int status, const std::string& message)> error;
  // Whether it is answered when all connections are in use, such as the question for health.
  std::function<bool(const HttpRequest&)> urgent;
};

struct ListenerStats {
  uint64_t connections = 0;  // open now
  uint64_t accepted = 0;
  uint64_t refused = 0;  // over max_connections, those for what is urgent too
};

class HttpListener {
 public:
  // Binds. Error(io) that names address and port, or the certificate.
  HttpListener(const ListenerOptions& options, HttpHandlers handlers);
  // Closes all connections.
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // Begins to answer, on a thread of its own.
  void start();
  uint16_t port() const;
  bool tls() const;
  ListenerStats stats() const;
  // Takes no new connections; those that are open end with their answers.
  void stop_accepting();
  // Waits until the network has taken all answers to what was asked, or `timeout`: whether it has.
  bool drain(std::chrono::milliseconds timeout);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn::server
