#include "tarn/server/server.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "tarn/base/clock.h"
#include "tarn/base/log.h"
#include "tarn/server/api/stream.h"
#include "tarn/server/page/files.h"
#include "tarn/server/routes.h"
#include "tarn/server/status.h"

namespace tarn::server {
namespace {

// Requests that are read but not yet with the engine: rendering and tokenizing takes milliseconds.
constexpr int workers = 2;
constexpr int64_t most_pending = 256;

// Adds what every answer carries, and counts it.
class Counted final : public Responder {
 public:
  Counted(std::shared_ptr<Responder> inner, Metrics& metrics, std::string route, Headers headers,
          bool log)
      : inner_(std::move(inner)),
        metrics_(metrics),
        route_(std::move(route)),
        headers_(std::move(headers)),
        log_(log) {}

  void send(HttpResponse response) override {
    count(response.status);
    response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
    inner_->send(std::move(response));
  }
  void start(int status, std::string content_type, Headers headers) override {
    count(status);
    headers.insert(headers.end(), headers_.begin(), headers_.end());
    inner_->start(status, std::move(content_type), std::move(headers));
  }
  void write(std::string piece) override { inner_->write(std::move(piece)); }
  void finish() override { inner_->finish(); }
  bool open() const override { return inner_->open(); }
  size_t unsent_bytes() const override { return inner_->unsent_bytes(); }
  void watch(std::function<void()> closed, std::function<void()> drained) override {
    inner_->watch(std::move(closed), std::move(drained));
  }

 private:
  void count(int status) {
    metrics_.count_request(route_, status);
    if (!log_) return;
    logging::info("{} {} after {:.3f} s", route_, status, seconds_since(start_));
  }

  std::shared_ptr<Responder> inner_;
  Metrics& metrics_;
  const std::string route_;
  const Headers headers_;
  const bool log_;
  const Clock::time_point start_ = Clock::now();
};

Headers page_headers(const PageFile& file) {
  return {{"ETag", std::string(file.etag)},
          {"Cache-Control", std::string(kPageCacheControl)},
          {"Content-Security-Policy", std::string(kPageSecurityPolicy)},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"}};
}

}  // namespace

class Server::State {
 public:
  State(const LoadedModel& model, const ServerOptions& options)
      : options_(options),
        access_(options.access, options.http.address),
        service_(model, options.service),
        governor_(options.governor, options.service.engine.max_sequences,
                  [this](int64_t limit) { service_.engine().set_limit(limit, limit == 0); }),
        pool_(workers),
        listener_(options.http, handlers()) {
    service_.load_prefixes();
    listener_.start();  // all that handlers use is there now
  }

  ~State() {
    // Answers hold on to connections, which end with the listener: the first member to go.
    draining_ = true;
    service_.engine().stop();
    pool_.join();
  }

  HttpListener& listener() { return listener_; }
  std::string url() const {
    const std::string& address = options_.http.address;
    const bool v6 = address.find(':') != std::string::npos;
    return fmt::format("{}://{}:{}", listener_.tls() ? "https" : "http",
                       v6 ? fmt::format("[{}]", address) : address, listener_.port());
  }
  Access& access() { return access_; }
  Service& service() { return service_; }

  bool drain(std::chrono::milliseconds timeout) {
    draining_ = true;
    listener_.stop_accepting();
    const auto deadline = Clock::now() + timeout;
    const bool all = service_.engine().drain(timeout);
    service_.save_prefixes();
    if (!all) return false;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    return listener_.drain(std::max(left, std::chrono::milliseconds(0)));
  }

 private:
  HttpHandlers handlers() {
    return {[this](const HttpRequest& head) { return check(head); },
            [this](HttpRequest request, std::shared_ptr<Responder> responder) {
              handle(std::move(request), std::move(responder));
            },
            [](int status, const std::string& message) { return listener_error(status, message); },
            [](const HttpRequest& head) { return head.path == "/health"; }};
  }

  static HttpResponse listener_error(int status, const std::string& message) {
    ApiError error(status, message);
    if (status == 503) error.retry_after = 1;
    return error_response("", error);
  }

  static bool is_open(const HttpRequest& request) {
    return request.path == "/health" || request.path == "/ready" ||
           find_page_file(request.path) != nullptr;
  }

  std::optional<HttpResponse> check(const HttpRequest& head) {
    const auto error = access_.check(head, is_open(head));
    if (!error) return std::nullopt;
    service_.metrics().count_request("refused", error->status());
    HttpResponse response = error_response(head.path, *error);
    for (auto& header : access_.cors(head)) response.headers.push_back(std::move(header));
    return response;
  }

  // On the listener's thread.
  void handle(HttpRequest request, std::shared_ptr<Responder> inner) {
    Headers headers = access_.cors(request);
    if (Access::is_preflight(request)) return inner->send({204, "", "", std::move(headers)});
    if (answer_at_once(request, *inner, headers)) return;
    const Route* route = nullptr;
    try {
      route = &find_route(request);
    } catch (const ApiError& error) {
      HttpResponse response = error_response(request.path, error);
      response.headers.insert(response.headers.end(), headers.begin(), headers.end());
      service_.metrics().count_request("none", error.status());
      return inner->send(std::move(response));
    }
    const auto responder =
        std::make_shared<Counted>(std::move(inner), service_.metrics(), std::string(route->path),
                                  std::move(headers), options_.log_requests);
    request.client = access_.client(request);
    if (const auto error = refusal()) return responder->send(error_response(request.path, *error));
    ++pending_;
    boost::asio::post(pool_, [this, route, responder, request = std::move(request)] {
      --pending_;
      answer(*route, request, responder);
    });
  }

  std::optional<ApiError> refusal() const {
    if (draining_) {
      return busy_error("server: it is shutting down; try another one", "shutting_down", 5);
    }
    if (governor_.state().stopped) return too_hot_error();
    if (pending_ >= most_pending) {
      return busy_error(
          fmt::format("server: {} requests wait to be read already; try again later", most_pending),
          "queue_full", 1);
    }
    return std::nullopt;
  }

  void answer(const Route& route, const HttpRequest& request, const ResponderPtr& responder) {
    if (!responder->open()) return;
    try {
      route.answer(service_, request, responder);
    } catch (const std::exception& error) {
      const ApiError api = to_api_error(error);
      if (api.status() >= 500) logging::warn("{}: {}", route.path, error.what());
      responder->send(error_response(request.path, api));
    }
  }

  // What needs no worker: health, metrics, the page.
  bool answer_at_once(const HttpRequest& request, Responder& responder, const Headers& headers) {
    if (request.method != "GET") return false;
    HttpResponse response;
    if (request.path == "/health") {
      response = health_response(service_);
    } else if (request.path == "/ready") {
      response = ready_response(service_, !refusal());
    } else if (request.path == "/metrics") {
      response = metrics_response(service_, governor_.state(), listener_.stats());
    } else if (request.path == "/openapi.json") {
      response = openapi_response();
    } else if (const PageFile* file = options_.page ? find_page_file(request.path) : nullptr) {
      response = {200, std::string(file->content_type), "", page_headers(*file)};
      if (request.header("if-none-match") == file->etag) {
        response.status = 304;
      } else {
        response.body = file->bytes;
      }
    } else {
      return false;
    }
    response.headers.insert(response.headers.end(), headers.begin(), headers.end());
    responder.send(std::move(response));
    return true;
  }

  const ServerOptions options_;
  Access access_;
  Service service_;
  Governor governor_;
  std::atomic<int64_t> pending_{0};
  std::atomic<bool> draining_{false};
  boost::asio::thread_pool pool_;
  HttpListener listener_;
};

Server::Server(const LoadedModel& model, const ServerOptions& options) {
  model.tokenizer();  // an error that says what is missing
  state_ = std::make_unique<State>(model, options);
}
Server::~Server() = default;

uint16_t Server::port() const { return state_->listener().port(); }
std::string Server::url() const { return state_->url(); }
void Server::reload_keys() { state_->access().reload(); }
bool Server::drain(std::chrono::milliseconds timeout) { return state_->drain(timeout); }
Service& Server::service() { return state_->service(); }

}  // namespace tarn::server
