#include "tarn/server/api/stream.h"

#include <fmt/core.h>

#include <chrono>
#include <random>

namespace tarn::server {

std::string to_text(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void EventStream::start() {
  if (started_) return;
  started_ = true;
  const bool events = kind_ == Kind::events;
  // Proxies are asked not to hold events back.
  responder_->start(200, events ? "text/event-stream; charset=utf-8" : "application/x-ndjson",
                    {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}});
}

void EventStream::send(const ordered_json& document, std::string_view event) {
  start();
  if (kind_ == Kind::lines) return responder_->write(to_text(document) + "\n");
  const std::string name = event.empty() ? "" : fmt::format("event: {}\n", event);
  responder_->write(fmt::format("{}data: {}\n\n", name, to_text(document)));
}

void EventStream::send_text(std::string_view data) {
  start();
  responder_->write(fmt::format("data: {}\n\n", data));
}

void EventStream::finish() {
  start();
  responder_->finish();
}

std::string random_id(std::string_view prefix) {
  constexpr std::string_view letters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::uniform_int_distribution<size_t> pick(0, letters.size() - 1);
  std::string id(prefix);
  for (int i = 0; i < 24; ++i) id += letters[pick(random)];
  return id;
}

int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

HttpResponse json_response(const ordered_json& document, int status) {
  return {status, "application/json", to_text(document), {}};
}

}  // namespace tarn::server
