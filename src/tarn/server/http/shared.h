// What the connections of a listener share. For connection.cpp and listener.cpp.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "tarn/server/http/listener.h"
#include "tarn/server/http/reply.h"

namespace tarn::server {

struct Shared {
  Shared(const ListenerOptions& o, HttpHandlers h, boost::asio::io_context& context)
      : options(o), handlers(std::move(h)), mailbox(std::make_shared<Mailbox>(context)) {}

  const ListenerOptions options;
  const HttpHandlers handlers;
  const std::shared_ptr<Mailbox> mailbox;
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<size_t> body_bytes{0};  // of requests that are read or answered
  std::atomic<bool> stopping{false};

  // Requests whose answers are not yet with the network.
  void begin_answer() {
    const std::lock_guard lock(mutex);
    ++answers;
  }
  void end_answer() {
    const std::lock_guard lock(mutex);
    if (--answers == 0) none_left.notify_all();
  }
  bool wait_for_answers(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex);
    return none_left.wait_for(lock, timeout, [this] { return answers == 0; });
  }

 private:
  std::mutex mutex;
  std::condition_variable none_left;
  uint64_t answers = 0;
};

}  // namespace tarn::server
