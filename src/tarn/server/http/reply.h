// The answer to a request, as its handler holds it, and its way to the connection. For
// connection.cpp.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "tarn/server/http/message.h"

namespace tarn::server {

// The connection, for the answer to the request that it is at. Its thread alone calls.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual void send(HttpResponse response) = 0;
  virtual void start(const HttpResponse& head) = 0;
  virtual void write(std::string piece) = 0;
  virtual void finish() = 0;
};

// The way for other threads to that of the connections. Leads nowhere once it is closed: handlers
// may keep their answers for longer than the listener lives.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& context) : context_(&context) {}
  template <typename F>
  void post(F&& f) {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr) boost::asio::post(*context_, std::forward<F>(f));
  }
  void close() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* context_;
};

class Reply final : public Responder {
 public:
  Reply(std::weak_ptr<Channel> channel, std::shared_ptr<Mailbox> mailbox)
      : channel_(std::move(channel)), mailbox_(std::move(mailbox)) {}
  ~Reply() override;

  void send(HttpResponse response) override;
  void start(int status, std::string content_type, Headers headers) override;
  void write(std::string piece) override;
  void finish() override;
  bool open() const override { return !gone_ && !ended_; }
  size_t unsent_bytes() const override { return gone_ ? 0 : unsent_.load(); }
  void watch(std::function<void()> closed, std::function<void()> drained) override;

  // From the connection: all of the answer has been given; the network took so many bytes of it;
  // nobody waits for it any more.
  bool ended() const { return ended_; }
  void taken(size_t bytes);
  void client_has_gone();

 private:
  template <typename F>
  void post(F&& f);

  std::weak_ptr<Channel> channel_;
  std::shared_ptr<Mailbox> mailbox_;
  std::atomic<bool> begun_{false}, ended_{false}, gone_{false};
  std::atomic<size_t> unsent_{0};
  std::mutex mutex_;
  std::function<void()> closed_, drained_;
};

}  // namespace tarn::server
