// One HTTP connection: reads a request, lets the handler answer, and goes on with the next. For
// listener.cpp.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "tarn/server/http/shared.h"

namespace tarn::server {

// Serves what comes through `socket` until it ends; `tls` may be null. `in_reserve`: all places are
// in use; only what is urgent is answered, and the rest told so.
void serve_connection(const std::shared_ptr<Shared>& shared, boost::asio::ip::tcp::socket socket,
                      boost::asio::ssl::context* tls, bool in_reserve);

}  // namespace tarn::server
