#include "tarn/server/http/listener.h"

#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <thread>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/server/http/connection.h"
#include "tarn/server/http/shared.h"

namespace tarn::server {

namespace beast = boost::beast;
namespace net = boost::asio;
using tcp = net::ip::tcp;

class HttpListener::State {
 public:
  State(const ListenerOptions& options, HttpHandlers handlers)
      : shared_(std::make_shared<Shared>(options, std::move(handlers), context_)),
        acceptor_(context_),
        tls_(net::ssl::context::tls_server) {
    if (!options.tls_certificate.empty()) load_tls();
    bind();
  }

  ~State() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
    shared_->mailbox->close();
  }

  void start() {
    accept();
    thread_ = std::thread([this] { run(); });
  }

  uint16_t port() const { return port_; }
  bool tls() const { return !shared_->options.tls_certificate.empty(); }
  ListenerStats stats() const {
    return {shared_->connections, shared_->accepted, shared_->refused};
  }

  bool drain(std::chrono::milliseconds timeout) { return shared_->wait_for_answers(timeout); }

  void stop_accepting() {
    shared_->stopping = true;
    net::post(context_, [this] {
      beast::error_code ignored;
      acceptor_.close(ignored);
    });
  }

 private:
  void run() {
    while (!context_.stopped()) {
      try {
        context_.run();
      } catch (const std::exception& error) {
        logging::warn("server: a connection failed: {}", error.what());
      }
    }
  }

  void load_tls() {
    const ListenerOptions& o = shared_->options;
    beast::error_code error;
    tls_.set_options(net::ssl::context::default_workarounds | net::ssl::context::no_tlsv1 |
                     net::ssl::context::no_tlsv1_1 | net::ssl::context::single_dh_use);
    tls_.use_certificate_chain_file(o.tls_certificate.string(), error);
    if (error) {
      fail(ErrorCode::io, "{}: {}; give the certificate chain as PEM", o.tls_certificate.string(),
           error.message());
    }
    tls_.use_private_key_file(o.tls_key.string(), net::ssl::context::pem, error);
    if (error) {
      fail(ErrorCode::io, "{}: {}; give the certificate's private key as PEM", o.tls_key.string(),
           error.message());
    }
  }

  void bind() {
    const ListenerOptions& o = shared_->options;
    beast::error_code error;
    const auto address = net::ip::make_address(o.address, error);
    const auto check = [&](const char* remedy) {
      if (error) {
        fail(ErrorCode::io, "{}:{}: {}; {}", o.address, o.port, error.message(), remedy);
      }
    };
    check("give an address of this machine, such as 127.0.0.1 or 0.0.0.0");
    const tcp::endpoint endpoint(address, o.port);
    acceptor_.open(endpoint.protocol(), error);
    check("take another address");
    acceptor_.set_option(net::socket_base::reuse_address(true), error);
    acceptor_.bind(endpoint, error);
    check("take another --port, or stop what uses this one");
    acceptor_.listen(net::socket_base::max_listen_connections, error);
    check("take another --port");
    port_ = acceptor_.local_endpoint().port();
  }

  void accept() {
    acceptor_.async_accept(context_, [this](beast::error_code error, tcp::socket socket) {
      if (error == net::error::operation_aborted || !acceptor_.is_open()) return;
      if (error) {
        // Out of descriptors, as a rule: those in use must end before others can begin.
        pause_.expires_after(std::chrono::milliseconds(50));
        pause_.async_wait([this](beast::error_code) { accept(); });
        return;
      }
      ++shared_->accepted;
      take(std::move(socket));
      accept();
    });
  }

  void take(tcp::socket socket) {
    const ListenerOptions& o = shared_->options;
    const uint64_t open = shared_->connections;
    const bool full = open >= o.max_connections;
    if (full) ++shared_->refused;
    if (open >= o.max_connections + o.reserved_connections) return;  // closes it
    serve_connection(shared_, std::move(socket), tls() ? &tls_ : nullptr, full);
  }

  net::io_context context_{1};
  const std::shared_ptr<Shared> shared_;
  tcp::acceptor acceptor_;
  net::steady_timer pause_{context_};
  net::ssl::context tls_;
  uint16_t port_ = 0;
  std::thread thread_;
};

HttpListener::HttpListener(const ListenerOptions& options, HttpHandlers handlers)
    : state_(std::make_unique<State>(options, std::move(handlers))) {}
HttpListener::~HttpListener() = default;
uint16_t HttpListener::port() const { return state_->port(); }
void HttpListener::start() { state_->start(); }
bool HttpListener::tls() const { return state_->tls(); }
ListenerStats HttpListener::stats() const { return state_->stats(); }
void HttpListener::stop_accepting() { state_->stop_accepting(); }
bool HttpListener::drain(std::chrono::milliseconds timeout) { return state_->drain(timeout); }

}  // namespace tarn::server
