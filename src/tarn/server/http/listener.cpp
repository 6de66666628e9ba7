#include "tarn/server/http/listener.h"

#include <thread>

#include "tarn/base/error.h"
#include "tarn/base/log.h"
#include "tarn/server/http/connection.h"

namespace tarn::server {
namespace {

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

template <class Stream>
class Connection;

// The answer to the request that a connection is at. It outlives the connection where a handler
// keeps it.
template <class Stream>
class Reply final : public Responder {
 public:
  Reply(std::weak_ptr<Connection<Stream>> connection, net::any_io_executor executor)
      : connection_(std::move(connection)), executor_(std::move(executor)) {}

  ~Reply() override {
    if (begun_) {
      if (!ended_) finish();
      return;
    }
    send({500, "text/plain", "the server lost this request\n", {}});
  }

  void send(HttpResponse response) override {
    if (begun_.exchange(true)) return;
    ended_ = true;
    post([response = std::move(response)](Connection<Stream>& c) { c.send(response); });
  }
  void start(int status, std::string content_type, Headers headers) override {
    if (begun_.exchange(true)) return;
    post([r = HttpResponse{status, std::move(content_type), "", std::move(headers)}](
             Connection<Stream>& c) { c.start(r); });
  }
  void write(std::string piece) override {
    if (ended_ || piece.empty()) return;
    const size_t bytes = piece.size();
    unsent_ += bytes;
    post([piece = std::move(piece)](Connection<Stream>& c) mutable { c.write(std::move(piece)); });
  }
  void finish() override {
    if (ended_.exchange(true)) return;
    post([](Connection<Stream>& c) { c.finish(); });
  }
  bool open() const override { return !gone_ && !ended_; }
  size_t unsent_bytes() const override { return gone_ ? 0 : unsent_.load(); }

  void watch(std::function<void()> closed, std::function<void()> drained) override {
    bool now = false;
    {
      const std::lock_guard lock(mutex_);
      now = gone_;
      if (!now) {
        closed_ = std::move(closed);
        drained_ = std::move(drained);
      }
    }
    if (now && closed) closed();
  }

  // From the connection's thread.
  void taken(size_t bytes) {
    std::function<void()> drained;
    if (unsent_.fetch_sub(bytes) == bytes) {
      const std::lock_guard lock(mutex_);
      drained = drained_;
    }
    if (drained) drained();
  }
  void client_has_gone() {
    std::function<void()> closed;
    {
      const std::lock_guard lock(mutex_);
      if (gone_.exchange(true)) return;
      closed.swap(closed_);
      drained_ = nullptr;
    }
    if (closed) closed();
  }

 private:
  template <typename F>
  void post(F&& f) {
    net::post(executor_, [weak = connection_, f = std::forward<F>(f)]() mutable {
      if (const auto connection = weak.lock()) f(*connection);
    });
  }

  std::weak_ptr<Connection<Stream>> connection_;
  net::any_io_executor executor_;
  std::atomic<bool> begun_{false}, ended_{false}, gone_{false};
  std::atomic<size_t> unsent_{0};
  std::mutex mutex_;
  std::function<void()> closed_, drained_;
};

template <class Stream>
class Connection : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  template <class... Args>
  Connection(std::shared_ptr<Shared> shared, Args&&... args)
      : shared_(std::move(shared)), stream_(std::forward<Args>(args)...) {
    ++shared_->connections;
    beast::error_code error;
    const auto peer = lowest().socket().remote_endpoint(error);
    if (!error) peer_ = peer.address().to_string();
    lowest().socket().set_option(tcp::no_delay(true), error);
  }
  ~Connection() { --shared_->connections; }

  void run() {
    lowest().expires_after(shared_->options.header_timeout);
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      stream_.async_handshake(net::ssl::stream_base::server,
                              [self = this->shared_from_this()](beast::error_code error) {
                                if (!error) self->read_header(false);
                              });
    } else {
      read_header(false);
    }
  }

  // An answer before any request, and the end.
  void refuse(const HttpResponse& response) {
    request_version_ = 11;
    keep_alive_ = false;
    if constexpr (std::is_same_v<Stream, PlainStream>) send(response);
  }

  // --- the answer, for Reply

  void send(const HttpResponse& from) {
    auto message = std::make_shared<http::response<http::string_body>>(
        make_response(from, request_version_, keep_alive_ && !shared_->stopping));
    if (head_request_) message->body().clear();
    lowest().expires_after(shared_->options.write_timeout);
    http::async_write(stream_, *message,
                      [self = this->shared_from_this(), message](beast::error_code error, size_t) {
                        self->answered(error, message->keep_alive());
                      });
  }

  void start(const HttpResponse& from) {
    auto head = make_response(from, request_version_, keep_alive_ && !shared_->stopping);
    head.erase(http::field::content_length);
    chunked_ = request_version_ >= 11;
    if (chunked_) head.chunked(true);
    if (!chunked_) keep_alive_ = false;  // HTTP/1.0: the end of the connection is the answer's
    streaming_ = true;
    std::ostringstream text;
    text << head.base();
    outbox_.push_back({text.str(), 0});
    flush();
  }

  void write(std::string piece) {
    if (!streaming_) return;
    const size_t counted = piece.size();
    if (chunked_) piece = fmt::format("{:x}\r\n{}\r\n", counted, piece);
    outbox_.push_back({std::move(piece), counted});
    flush();
  }

  void finish() {
    if (!streaming_) return;
    finishing_ = true;
    if (chunked_) outbox_.push_back({"0\r\n\r\n", 0});
    flush();
  }

 private:
  struct Piece {
    std::string bytes;
    size_t counted;  // of what the handler wrote
  };

  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  void read_header(bool again) {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_->options.max_header_bytes));
    parser_->body_limit(shared_->options.max_body_bytes);
    lowest().expires_after(again && buffer_.size() == 0 ? shared_->options.idle_timeout
                                                        : shared_->options.header_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](beast::error_code error, size_t) {
                              self->on_header(error);
                            });
  }

  void on_header(beast::error_code error) {
    if (error == http::error::end_of_stream) return close();
    if (error == beast::error::timeout || error == net::error::operation_aborted) return;
    if (error == http::error::header_limit) {
      return refuse_request(431, "the header is too large");
    }
    if (error) {
      // What is no HTTP gets an answer; a connection that broke does not.
      if (error.category() == http::make_error_code(http::error::bad_method).category()) {
        return refuse_request(400, "this is no HTTP/1.1 request: " + error.message());
      }
      return;
    }
    const auto& message = parser_->get();
    request_version_ = message.version();
    keep_alive_ = message.keep_alive();
    head_request_ = message.method() == http::verb::head;
    request_ = {};
    request_.peer = peer_;
    if (!read_head(message, request_)) {
      return refuse_request(400, "the request's target is no path");
    }
    if (head_request_) request_.method = "GET";
    if (const auto length = parser_->content_length();
        length && *length > shared_->options.max_body_bytes) {
      return refuse_request(413, too_large());
    }
    if (const auto refused = shared_->handlers.check(request_)) {
      keep_alive_ = keep_alive_ && parser_->is_done();
      return send(*refused);
    }
    if (message[http::field::expect] == "100-continue") return send_continue();
    read_body();
  }

  std::string too_large() const {
    return fmt::format("the body is larger than {} bytes, the limit of this server",
                       shared_->options.max_body_bytes);
  }

  void send_continue() {
    static const std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(stream_, net::buffer(text),
                     [self = this->shared_from_this()](beast::error_code error, size_t) {
                       if (!error) self->read_body();
                     });
  }

  void read_body() {
    lowest().expires_after(shared_->options.body_timeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](beast::error_code error, size_t) {
                       self->on_body(error);
                     });
  }

  void on_body(beast::error_code error) {
    if (error == http::error::body_limit) return refuse_request(413, too_large());
    if (error) return;
    request_.body = std::move(parser_->get().body());
    lowest().expires_never();
    streaming_ = finishing_ = false;
    const auto reply =
        std::make_shared<Reply<Stream>>(this->weak_from_this(), stream_.get_executor());
    reply_ = reply;
    handling_ = this->shared_from_this();  // until the answer is sent
    watch_client();
    shared_->handlers.handle(std::move(request_), reply);
  }

  // Notices a client that goes while its answer is made.
  void watch_client() {
    lowest().socket().async_wait(tcp::socket::wait_read,
                                 [self = this->shared_from_this()](beast::error_code error) {
                                   if (error || !self->handling_) return;
                                   if (has_gone(self->lowest().socket())) self->gone();
                                   // Else it has sent more already, which waits for its turn.
                                 });
  }

  void gone() {
    if (const auto reply = reply_.lock()) reply->client_has_gone();
    streaming_ = false;
    outbox_.clear();
    beast::error_code ignored;
    lowest().socket().close(ignored);
    handling_.reset();
  }

  void refuse_request(int status, const std::string& message) {
    keep_alive_ = false;
    send(shared_->handlers.error(status, message));
  }

  void flush() {
    if (writing_ || outbox_.empty()) {
      if (!writing_ && finishing_) {
        finishing_ = streaming_ = false;
        answered({}, keep_alive_ && !shared_->stopping);
      }
      return;
    }
    writing_ = true;
    // All that waits, in one write.
    sending_.clear();
    sending_counted_ = 0;
    while (!outbox_.empty()) {
      sending_ += outbox_.front().bytes;
      sending_counted_ += outbox_.front().counted;
      outbox_.pop_front();
    }
    lowest().expires_after(shared_->options.write_timeout);
    net::async_write(stream_, net::buffer(sending_),
                     [self = this->shared_from_this()](beast::error_code error, size_t) {
                       self->writing_ = false;
                       if (error) return self->gone();
                       self->lowest().expires_never();
                       if (const auto reply = self->reply_.lock()) {
                         if (self->sending_counted_ > 0) reply->taken(self->sending_counted_);
                       }
                       self->flush();
                     });
  }

  void answered(beast::error_code error, bool go_on) {
    const auto held = std::exchange(handling_, nullptr);
    if (error) {
      if (const auto reply = reply_.lock()) reply->client_has_gone();
      return;
    }
    reply_.reset();
    if (!go_on) return close();
    beast::error_code ignored;
    lowest().socket().cancel(ignored);  // the watch for the client
    read_header(true);
  }

  void close() {
    beast::error_code ignored;
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      lowest().expires_after(std::chrono::seconds(2));
      stream_.async_shutdown([self = this->shared_from_this()](beast::error_code) {});
    } else {
      lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
      linger();
    }
  }

  // Reads what the client still sends: a close with unread bytes would reset the connection and
  // take the answer away that it has not read yet.
  void linger() {
    lowest().expires_after(std::chrono::seconds(2));
    stream_.async_read_some(net::buffer(rest_),
                            [self = this->shared_from_this()](beast::error_code error, size_t) {
                              if (!error) self->linger();
                            });
  }

  std::shared_ptr<Shared> shared_;
  Stream stream_;
  std::string peer_;
  beast::flat_buffer buffer_;
  std::array<char, 4096> rest_{};
  std::optional<http::request_parser<http::string_body>> parser_;
  HttpRequest request_;
  unsigned request_version_ = 11;
  bool keep_alive_ = false;
  bool head_request_ = false;
  std::weak_ptr<Reply<Stream>> reply_;
  std::shared_ptr<Connection> handling_;
  bool streaming_ = false, finishing_ = false, chunked_ = true, writing_ = false;
  std::deque<Piece> outbox_;
  std::string sending_;
  size_t sending_counted_ = 0;
};

}  // namespace

class HttpListener::State {
 public:
  State(const ListenerOptions& options, HttpHandlers handlers)
      : shared_(std::make_shared<Shared>()),
        acceptor_(context_),
        tls_(net::ssl::context::tls_server) {
    shared_->options = options;
    shared_->handlers = std::move(handlers);
    if (!options.tls_certificate.empty()) load_tls();
    bind();
    accept();
    thread_ = std::thread([this] { run(); });
  }

  ~State() {
    context_.stop();
    thread_.join();
  }

  uint16_t port() const { return port_; }
  bool tls() const { return !shared_->options.tls_certificate.empty(); }
  ListenerStats stats() const {
    return {shared_->connections, shared_->accepted, shared_->refused};
  }

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
    const bool full = shared_->connections >= shared_->options.max_connections;
    if (full) ++shared_->refused;
    if (tls()) {
      if (!full) std::make_shared<Connection<TlsStream>>(shared_, std::move(socket), tls_)->run();
      return;
    }
    const auto connection = std::make_shared<Connection<PlainStream>>(shared_, std::move(socket));
    if (full) {
      connection->refuse(shared_->handlers.error(503, "all connections of this server are in use"));
    } else {
      connection->run();
    }
  }

  std::shared_ptr<Shared> shared_;
  net::io_context context_{1};
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
bool HttpListener::tls() const { return state_->tls(); }
ListenerStats HttpListener::stats() const { return state_->stats(); }
void HttpListener::stop_accepting() { state_->stop_accepting(); }

}  // namespace tarn::server
