#include "tarn/server/http/reply.h"

namespace tarn::server {

template <typename F>
void Reply::post(F&& f) {
  mailbox_->post([weak = channel_, f = std::forward<F>(f)]() mutable {
    if (const auto channel = weak.lock()) f(*channel);
  });
}

Reply::~Reply() {
  if (begun_) {
    finish();
  } else {
    send({500, "text/plain", "the server lost this request\n", {}});
  }
}

void Reply::send(HttpResponse response) {
  if (begun_.exchange(true)) return;
  ended_ = true;
  post([response = std::move(response)](Channel& c) mutable { c.send(std::move(response)); });
}

void Reply::start(int status, std::string content_type, Headers headers) {
  if (begun_.exchange(true)) return;
  post([head = HttpResponse{status, std::move(content_type), "", std::move(headers)}](Channel& c) {
    c.start(head);
  });
}

void Reply::write(std::string piece) {
  if (!begun_ || ended_ || gone_ || piece.empty()) return;
  unsent_ += piece.size();
  post([piece = std::move(piece)](Channel& c) mutable { c.write(std::move(piece)); });
}

void Reply::finish() {
  if (!begun_ || ended_.exchange(true)) return;
  post([](Channel& c) { c.finish(); });
}

void Reply::watch(std::function<void()> closed, std::function<void()> drained) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      closed_ = std::move(closed);
      drained_ = std::move(drained);
      return;
    }
  }
  if (closed) closed();
}

void Reply::taken(size_t bytes) {
  std::function<void()> drained;
  if (unsent_.fetch_sub(bytes) == bytes) {
    const std::lock_guard lock(mutex_);
    drained = drained_;
  }
  if (drained) drained();
}

void Reply::client_has_gone() {
  std::function<void()> closed;
  {
    const std::lock_guard lock(mutex_);
    if (gone_.exchange(true)) return;
    closed.swap(closed_);
    drained_ = nullptr;
  }
  if (closed) closed();
}

}  // namespace tarn::server
