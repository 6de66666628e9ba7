#include "tarn/server/routes.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tarn::server {
namespace {

constexpr std::array all_routes{
    Route{"POST", "/v1/chat/completions", false, openai_chat},
    Route{"POST", "/v1/completions", false, openai_completions},
    Route{"POST", "/v1/responses", false, openai_responses},
    Route{"POST", "/v1/embeddings", false, openai_embeddings},
    Route{"GET", "/v1/models", true, openai_models},
    Route{"POST", "/v1/messages", false, anthropic_messages},
    Route{"POST", "/v1/messages/count_tokens", false, anthropic_count},
    Route{"POST", "/api/chat", false, ollama_chat},
    Route{"POST", "/api/generate", false, ollama_generate},
    Route{"POST", "/api/embed", false, ollama_embed},
    Route{"GET", "/api/tags", false, ollama_tags},
    Route{"POST", "/api/show", false, ollama_show},
    Route{"GET", "/api/ps", false, ollama_ps},
    Route{"GET", "/api/version", false, ollama_version},
    Route{"POST", "/tokenize", false, tokenize},
    Route{"POST", "/detokenize", false, detokenize},
    Route{"POST", "/apply-template", false, apply_template},
    Route{"POST", "/cache/save", false, save_cache},
};

// Answered by the server itself.
constexpr std::array status_paths{"/health", "/ready", "/metrics", "/openapi.json"};

bool is_status(std::string_view path) {
  return std::ranges::find(status_paths, path) != status_paths.end();
}

[[noreturn]] void refuse_method(const HttpRequest& request, std::string_view method) {
  throw ApiError(
      405, fmt::format("{}: this path takes {}, not {}", request.path, method, request.method), "",
      "method_not_allowed");
}

bool fits(const Route& route, std::string_view path) {
  if (path == route.path) return true;
  return route.prefix && path.starts_with(route.path) &&
         path.substr(route.path.size()).starts_with('/');
}

}  // namespace

std::span<const Route> routes() { return all_routes; }

const Route& find_route(const HttpRequest& request) {
  const Route* other = nullptr;
  for (const Route& route : all_routes) {
    if (!fits(route, request.path)) continue;
    if (route.method == request.method) return route;
    other = &route;
  }
  if (other != nullptr) refuse_method(request, other->method);
  if (is_status(request.path)) refuse_method(request, "GET");
  throw ApiError(
      404,
      fmt::format("{}: there is no such path; /openapi.json lists those there are", request.path),
      "", "not_found");
}

HttpResponse error_response(std::string_view path, const ApiError& error) {
  HttpResponse response = path.starts_with("/v1/messages") ? anthropic_error(error)
                          : path.starts_with("/api/")      ? ollama_error(error)
                                                           : openai_error(error);
  if (error.retry_after) {
    response.headers.emplace_back(
        "Retry-After", fmt::format("{}", static_cast<int>(std::ceil(*error.retry_after))));
  }
  if (error.status() == 405) {
    if (is_status(path)) response.headers.emplace_back("Allow", "GET");
    for (const Route& route : all_routes) {
      if (fits(route, path)) response.headers.emplace_back("Allow", std::string(route.method));
    }
  }
  if (error.status() == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace tarn::server
