// `tarn serve`: one model behind the APIs that people's tools speak.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "tarn/lm/loaded_model.h"
#include "tarn/server/access.h"
#include "tarn/server/governor.h"
#include "tarn/server/http/listener.h"
#include "tarn/server/service.h"

namespace tarn::server {

struct ServerOptions {
  ListenerOptions http;
  AccessOptions access;
  ServiceOptions service;
  GovernorOptions governor;
  bool page = true;
  bool log_requests = false;  // each one's route, status and time; never its text
};

class Server {
 public:
  // Keeps a reference to the model. Answers as soon as this returns. Errors: Access's,
  // HttpListener's, and not_found for a model without a tokenizer.
  Server(const LoadedModel& model, const ServerOptions& options);
  ~Server();  // cancels what is left
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;
  std::string url() const;
  void reload_keys();
  // Takes no new requests; keeps prefixes in the cache folder; returns when all are answered, or
  // after `timeout`: whether all were.
  bool drain(std::chrono::milliseconds timeout);
  Service& service();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn::server
