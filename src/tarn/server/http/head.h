// The heads of requests and answers, between bytes and what handlers see. For connection.cpp.
#pragma once

#include <boost/beast/http.hpp>
#include <optional>
#include <string>

#include "tarn/server/http/message.h"

namespace tarn::server {

namespace http = boost::beast::http;

// The header in the form that handlers see; what is wrong with it, or nothing.
std::optional<std::string> read_head(const http::request_header<>& head, HttpRequest& request);

// How the end of the answer's body is told.
enum class Framing { length, chunks, close };

// Status line and header, with the empty line behind. `version`: 10 or 11.
std::string head_text(const HttpResponse& response, unsigned version, bool keep_alive,
                      Framing framing);

}  // namespace tarn::server
