#include "tarn/server/http/head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace tarn::server {
namespace {

// Twice, they would mean one thing here and another to a proxy before us.
constexpr std::array<std::string_view, 8> single_headers{
    "api-key", "authorization", "content-length", "content-type",
    "expect",  "host",          "origin",         "x-api-key"};

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

bool has_no_body(int status) { return status == 204 || status == 304; }

}  // namespace

std::optional<std::string> read_head(const http::request_header<>& head, HttpRequest& request) {
  request.method = std::string(head.method_string());
  const std::string_view target(head.target().data(), head.target().size());
  const size_t mark = target.find('?');
  const auto path = percent_decoded(target.substr(0, mark));
  if (!path) return "target: its percent encoding is broken";
  if (!path->starts_with('/')) return "target: it is no path; write it as /v1/models";
  request.path = *path;
  request.query = mark == std::string_view::npos ? "" : std::string(target.substr(mark + 1));
  for (const auto& field : head) {
    const std::string name = lower({field.name_string().data(), field.name_string().size()});
    const std::string_view value(field.value().data(), field.value().size());
    const auto [known, first] = request.headers.emplace(name, value);
    if (first) continue;
    if (std::find(single_headers.begin(), single_headers.end(), name) != single_headers.end()) {
      return fmt::format("{}: the header stands there twice; send it once", name);
    }
    known->second += ", ";
    known->second += value;
  }
  if (head.version() >= 11 && !request.headers.contains("host")) {
    return "host: the header is missing, and HTTP/1.1 asks for it";
  }
  return std::nullopt;
}

std::string head_text(const HttpResponse& response, unsigned version, bool keep_alive,
                      Framing framing) {
  const std::string_view reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string text = fmt::format("HTTP/1.{} {} {}\r\n", version % 10, response.status, reason);
  const auto add = [&](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
  };
  if (!response.content_type.empty()) add("Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) add(name, value);
  if (framing == Framing::chunks) add("Transfer-Encoding", "chunked");
  if (framing == Framing::length && !has_no_body(response.status)) {
    add("Content-Length", std::to_string(response.body.size()));
  }
  if (!keep_alive) add("Connection", "close");
  if (keep_alive && version < 11) add("Connection", "keep-alive");
  text += "\r\n";
  return text;
}

}  // namespace tarn::server
