// One HTTP connection: reads a request, lets the handler answer, and goes on with the next. For
// listener.cpp.
#pragma once

#include <atomic>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <deque>
#include <memory>
#include <mutex>

#include "tarn/server/http/listener.h"

namespace tarn::server {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using tcp = net::ip::tcp;

// What connections share.
struct Shared {
  ListenerOptions options;
  HttpHandlers handlers;
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<bool> stopping{false};
};

// The header, in the form that handlers see. False: the target is no path.
bool read_head(const http::request<http::string_body>& message, HttpRequest& request);

http::response<http::string_body> make_response(const HttpResponse& from, unsigned version,
                                                bool keep_alive);

// Whether the other side has closed its connection. Takes nothing from it.
bool has_gone(tcp::socket& socket);

}  // namespace tarn::server
