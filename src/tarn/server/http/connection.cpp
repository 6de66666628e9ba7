#include "tarn/server/http/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cctype>

namespace tarn::server {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// %41 and the like; nullopt for broken ones and for a zero byte.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

bool read_head(const http::request<http::string_body>& message, HttpRequest& request) {
  request.method = std::string(message.method_string());
  const std::string_view target(message.target().data(), message.target().size());
  const size_t mark = target.find('?');
  const auto path = percent_decoded(target.substr(0, mark));
  if (!path || !path->starts_with('/')) return false;
  request.path = *path;
  request.query = mark == std::string_view::npos ? "" : std::string(target.substr(mark + 1));
  for (const auto& field : message) {
    const auto name = field.name_string();
    const auto value = field.value();
    // A header that stands twice would mean one thing here and another to a proxy before us.
    request.headers.emplace(lower({name.data(), name.size()}),
                            std::string(value.data(), value.size()));
  }
  return true;
}

http::response<http::string_body> make_response(const HttpResponse& from, unsigned version,
                                                bool keep_alive) {
  http::response<http::string_body> response(static_cast<http::status>(from.status), version);
  if (!from.content_type.empty()) response.set(http::field::content_type, from.content_type);
  for (const auto& [name, value] : from.headers) response.set(name, value);
  response.keep_alive(keep_alive);
  response.body() = from.body;
  response.prepare_payload();
  return response;
}

bool has_gone(tcp::socket& socket) {
  char byte = 0;
  return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace tarn::server
