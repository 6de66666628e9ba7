// The OpenAPI description of the server (openapi.json), embedded.
#pragma once

#include <string_view>

namespace tarn::server {

std::string_view openapi_document();

}  // namespace tarn::server
