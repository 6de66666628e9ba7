#include "tarn/server/http/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <deque>
#include <optional>

#include "tarn/server/http/head.h"

namespace tarn::server {
namespace {

namespace beast = boost::beast;
namespace net = boost::asio;
using tcp = net::ip::tcp;
using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

constexpr std::chrono::milliseconds reserve_timeout{2000};  // for headers, when places are short
constexpr std::chrono::milliseconds longest_linger{2000};
constexpr std::chrono::milliseconds watch_period{100};
constexpr size_t read_ahead = 64 * 1024;  // of a client that sends more than it may yet
constexpr size_t small_body = 16 * 1024;  // goes out in one write with its header

// Whether the other side has closed its connection. Takes nothing from it.
bool has_gone(tcp::socket& socket) {
#ifdef POLLRDHUP  // seen even behind bytes that nobody has read yet
  pollfd state{socket.native_handle(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
#else
  char byte = 0;
  return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
#endif
}

bool is_broken_http(beast::error_code error) {
  return error.category() == make_error_code(http::error::bad_method).category();
}

template <class Stream>
class Connection final : public Channel, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  template <class... Args>
  explicit Connection(std::shared_ptr<Shared> shared, bool in_reserve, Args&&... args)
      : shared_(std::move(shared)),
        in_reserve_(in_reserve),
        stream_(std::forward<Args>(args)...),
        watch_timer_(stream_.get_executor()),
        buffer_(options().max_header_bytes + read_ahead) {
    ++shared_->connections;
    beast::error_code error;
    const auto peer = lowest().socket().remote_endpoint(error);
    if (!error) peer_ = peer.address().to_string();
    lowest().socket().set_option(tcp::no_delay(true), error);
    lowest().socket().set_option(
        net::socket_base::send_buffer_size(static_cast<int>(options().send_buffer_bytes)), error);
  }
  ~Connection() override {
    leave();
    --shared_->connections;
  }

  void run() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      lowest().expires_after(header_timeout());
      stream_.async_handshake(net::ssl::stream_base::server,
                              [self = this->shared_from_this()](beast::error_code error) {
                                if (!error) self->read_header();
                              });
    } else {
      read_header();
    }
  }

  // --- the answer, for Reply

  void send(HttpResponse response) override {
    if (!answering_ || started_) return;
    started_ = true;
    keep_alive_ = keep_alive_ && !shared_->stopping;
    std::string head = head_text(response, version_, keep_alive_, Framing::length);
    if (head_request_) response.body.clear();
    if (response.body.size() <= small_body) {
      head += response.body;
      response.body.clear();
    }
    outbox_.push_back({std::move(head), 0});
    if (!response.body.empty()) outbox_.push_back({std::move(response.body), 0});
    finishing_ = true;
    flush();
  }

  void start(const HttpResponse& head) override {
    if (!answering_ || started_) return;
    started_ = true;
    framing_ = version_ >= 11 ? Framing::chunks : Framing::close;
    keep_alive_ = keep_alive_ && !shared_->stopping && framing_ == Framing::chunks;
    outbox_.push_back({head_text(head, version_, keep_alive_, framing_), 0});
    flush();
  }

  void write(std::string piece) override {
    if (!answering_ || !started_ || finishing_) return;
    const size_t counted = piece.size();
    if (framing_ == Framing::chunks) piece = fmt::format("{:x}\r\n{}\r\n", counted, piece);
    outbox_.push_back({std::move(piece), counted});
    flush();
  }

  void finish() override {
    if (!answering_ || !started_ || finishing_) return;
    finishing_ = true;
    if (framing_ == Framing::chunks) outbox_.push_back({"0\r\n\r\n", 0});
    flush();
  }

 private:
  struct Piece {
    std::string bytes;
    size_t counted;  // of what the handler wrote
  };

  const ListenerOptions& options() const { return shared_->options; }
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  std::chrono::milliseconds header_timeout() const {
    return in_reserve_ ? std::min(reserve_timeout, options().header_timeout)
                       : options().header_timeout;
  }

  // --- the request

  // The time for a header runs from its first byte.
  void wait_for_request() {
    if (buffer_.size() > 0) return read_header();
    lowest().expires_after(options().idle_timeout);
    stream_.async_read_some(buffer_.prepare(4096), [self = this->shared_from_this()](
                                                       beast::error_code error, size_t bytes) {
      if (error) return self->close();
      self->buffer_.commit(bytes);
      self->read_header();
    });
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(options().max_header_bytes));
    parser_->body_limit(options().max_body_bytes);
    lowest().expires_after(header_timeout());
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](beast::error_code error, size_t) {
                              self->on_header(error);
                            });
  }

  void on_header(beast::error_code error) {
    if (error == http::error::end_of_stream) return close();
    if (error) return on_read_error(error);
    const auto& message = parser_->get();
    version_ = message.version();
    keep_alive_ = message.keep_alive() && !in_reserve_;
    head_request_ = message.method() == http::verb::head;
    request_ = {};
    request_.peer = peer_;
    if (const auto wrong = read_head(message, request_)) return refuse(400, *wrong);
    if (head_request_) request_.method = "GET";
    if (in_reserve_ && !shared_->handlers.urgent(request_)) {
      return refuse(503, "server: all its connections are in use; try again later");
    }
    if (const auto length = parser_->content_length();
        length && *length > options().max_body_bytes) {
      return refuse(413, too_large());
    }
    if (auto refused = shared_->handlers.check(request_)) {
      keep_alive_ = keep_alive_ && parser_->is_done();
      return answer(std::move(*refused));
    }
    parser_->eager(true);
    const bool expects = version_ >= 11 && !parser_->is_done() && buffer_.size() == 0 &&
                         beast::iequals(message[http::field::expect], "100-continue");
    lowest().expires_after(options().body_timeout);  // for all of it
    if (expects) return send_continue();
    read_body();
  }

  std::string too_large() const {
    return fmt::format("body: it is larger than {} bytes, the limit of this server",
                       options().max_body_bytes);
  }

  void on_read_error(beast::error_code error) {
    // What is no HTTP gets an answer; a connection that broke or timed out does not.
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return refuse(431, fmt::format("header: it is larger than {} bytes, the limit of this server",
                                     options().max_header_bytes));
    }
    if (error == http::error::body_limit) return refuse(413, too_large());
    if (is_broken_http(error) && error != http::error::partial_message) {
      return refuse(400, fmt::format("request: it is no HTTP/1.1: {}", error.message()));
    }
  }

  void send_continue() {
    static const std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(stream_, net::buffer(text),
                     [self = this->shared_from_this()](beast::error_code error, size_t) {
                       if (!error) self->read_body();
                     });
  }

  void read_body() {
    if (!charge(parser_->get().body().size())) {
      return refuse(503, "server: it has no memory for more requests now; try again later");
    }
    if (parser_->is_done()) return handle();
    http::async_read_some(stream_, buffer_, *parser_,
                          [self = this->shared_from_this()](beast::error_code error, size_t) {
                            if (error) return self->on_read_error(error);
                            self->read_body();
                          });
  }

  // Counts the body against what all bodies may take. False: that is used up.
  bool charge(size_t bytes) {
    const size_t more = bytes - charged_;
    charged_ = bytes;
    return shared_->body_bytes.fetch_add(more) + more <= options().max_bodies_bytes;
  }

  void handle() {
    request_.body = std::move(parser_->get().body());
    lowest().expires_never();
    begin_answer();
    const auto reply = std::make_shared<Reply>(this->weak_from_this(), shared_->mailbox);
    reply_ = reply;
    watch_client();
    shared_->handlers.handle(std::move(request_), reply);
  }

  // --- the answer

  void begin_answer() {
    answering_ = true;
    started_ = finishing_ = false;
    ++number_;
    shared_->begin_answer();
  }

  void answer(HttpResponse response) {
    begin_answer();
    send(std::move(response));
  }

  void refuse(int status, const std::string& message) {
    keep_alive_ = false;
    answer(shared_->handlers.error(status, message));
  }

  // Notices a client that goes while its answer is made; keeps the connection until then.
  void watch_client() {
    lowest().socket().async_wait(tcp::socket::wait_read,
                                 [self = this->shared_from_this(), number = number_](
                                     beast::error_code) { self->look_after_client(number); });
  }

  void look_after_client(uint64_t number) {
    if (!answering_ || number != number_) return;
    // Who ends its side once all of the answer is given may still read it.
    const auto reply = reply_.lock();
    const bool ended = !reply || reply->ended();
    if (!ended && has_gone(lowest().socket())) return gone();
    // It has sent more already, which waits for its turn; whether it goes is seen by asking.
    watch_timer_.expires_after(watch_period);
    watch_timer_.async_wait([self = this->shared_from_this(), number](beast::error_code) {
      self->look_after_client(number);
    });
  }

  void flush() {
    if (writing_) return;
    if (outbox_.empty()) {
      if (finishing_) answered();
      return;
    }
    // All that waits, in one write; a long piece by itself, as it would have to be copied.
    sending_ = std::move(outbox_.front());
    outbox_.pop_front();
    while (!outbox_.empty() && outbox_.front().bytes.size() <= small_body) {
      sending_.bytes += outbox_.front().bytes;
      sending_.counted += outbox_.front().counted;
      outbox_.pop_front();
    }
    writing_ = true;
    sent_ = 0;
    write_some();
  }

  void write_some() {
    lowest().expires_after(options().write_timeout);
    stream_.async_write_some(
        net::buffer(sending_.bytes) + sent_,
        [self = this->shared_from_this()](beast::error_code error, size_t bytes) {
          self->written(error, bytes);
        });
  }

  void written(beast::error_code error, size_t bytes) {
    sent_ += bytes;
    if (!error && answering_ && sent_ < sending_.bytes.size()) return write_some();
    writing_ = false;
    if (!answering_) return;
    if (error) return gone();
    lowest().expires_never();
    if (const auto reply = reply_.lock(); reply && sending_.counted > 0) {
      reply->taken(sending_.counted);
    }
    flush();
  }

  // What the request held is free again.
  void leave() {
    if (answering_) shared_->end_answer();
    answering_ = false;
    shared_->body_bytes -= std::exchange(charged_, 0);
    outbox_.clear();
    watch_timer_.cancel();
    if (const auto reply = reply_.lock()) reply->client_has_gone();
    reply_.reset();
  }

  void gone() {
    leave();
    beast::error_code ignored;
    lowest().socket().close(ignored);
  }

  void answered() {
    reply_.reset();
    leave();
    if (!keep_alive_) return close();
    beast::error_code ignored;
    lowest().socket().cancel(ignored);  // the watch for the client; nothing else is under way
    wait_for_request();
  }

  // --- the end

  void close() {
    lowest().expires_after(longest_linger);
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      stream_.async_shutdown(
          [self = this->shared_from_this()](beast::error_code) { self->end_sending(); });
    } else {
      end_sending();
    }
  }

  void end_sending() {
    beast::error_code ignored;
    lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
    linger();
  }

  // Reads what the client still sends: a close with unread bytes would reset the connection and
  // take the answer away that it has not read yet.
  void linger() {
    lowest().async_read_some(net::buffer(rest_),
                             [self = this->shared_from_this()](beast::error_code error, size_t) {
                               if (!error) self->linger();
                             });
  }

  const std::shared_ptr<Shared> shared_;
  const bool in_reserve_;
  Stream stream_;
  net::steady_timer watch_timer_;
  std::string peer_;
  beast::flat_buffer buffer_;
  std::array<char, 4096> rest_{};

  std::optional<http::request_parser<http::string_body>> parser_;
  HttpRequest request_;
  size_t charged_ = 0;
  unsigned version_ = 11;
  bool keep_alive_ = false;
  bool head_request_ = false;

  std::weak_ptr<Reply> reply_;
  uint64_t number_ = 0;     // of the request
  bool answering_ = false;  // it is read, its answer not yet sent
  bool started_ = false, finishing_ = false, writing_ = false;
  Framing framing_ = Framing::length;
  std::deque<Piece> outbox_;
  Piece sending_{};
  size_t sent_ = 0;
};

}  // namespace

void serve_connection(const std::shared_ptr<Shared>& shared, tcp::socket socket,
                      net::ssl::context* tls, bool in_reserve) {
  if (tls != nullptr) {
    std::make_shared<Connection<TlsStream>>(shared, in_reserve, std::move(socket), *tls)->run();
  } else {
    std::make_shared<Connection<PlainStream>>(shared, in_reserve, std::move(socket))->run();
  }
}

}  // namespace tarn::server
