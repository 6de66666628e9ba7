// Answers that stream: server-sent events, or a JSON document a line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tarn/base/json.h"
#include "tarn/server/http/message.h"

namespace tarn::server {

std::string to_text(const ordered_json& document);  // bytes that are no UTF-8 become U+FFFD

class EventStream {
 public:
  enum class Kind { events, lines };
  EventStream(std::shared_ptr<Responder> responder, Kind kind)
      : responder_(std::move(responder)), kind_(kind) {}

  bool started() const { return started_; }
  void start();  // the header; no effect when it has gone out
  // One document; `event` names it (server-sent events only), empty: it has no name.
  void send(const ordered_json& document, std::string_view event = {});
  void send_text(std::string_view data);  // data: TEXT
  void finish();
  Responder& responder() { return *responder_; }

 private:
  std::shared_ptr<Responder> responder_;
  Kind kind_;
  bool started_ = false;
};

// "chatcmpl-" and 24 random letters and digits.
std::string random_id(std::string_view prefix);
int64_t now_seconds();

HttpResponse json_response(const ordered_json& document, int status = 200);

}  // namespace tarn::server
