// Which function answers which request.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "tarn/server/api/api.h"

namespace tarn::server {

struct Route {
  std::string_view method;
  std::string_view path;
  bool prefix = false;  // the path and all below it
  void (*answer)(Service&, const HttpRequest&, const ResponderPtr&) = nullptr;
};

std::span<const Route> routes();
// The route of a request. ApiError 404 for a path that there is not, 405 for another method.
const Route& find_route(const HttpRequest& request);
// Errors in the words of the API that the path belongs to.
HttpResponse error_response(std::string_view path, const ApiError& error);

}  // namespace tarn::server
