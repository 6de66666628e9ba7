#include "tarn/server/api_error.h"

#include "tarn/lm/engine.h"

namespace tarn::server {
namespace {

int status_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::invalid_argument:
    case ErrorCode::unsupported:
    case ErrorCode::corrupt:
    case ErrorCode::out_of_memory:  // refused before any was taken: the request asks for too much
      return 400;
    case ErrorCode::not_found:
      return 404;
    default:
      return 500;
  }
}

}  // namespace

ApiError to_api_error(const std::exception& error) {
  if (const auto* api = dynamic_cast<const ApiError*>(&error)) return *api;
  if (const auto* full = dynamic_cast<const Overloaded*>(&error)) {
    ApiError result(full->draining() ? 503 : 429, full->what(), "",
                    full->draining() ? "shutting_down" : "queue_full");
    result.retry_after = full->retry_after();
    return result;
  }
  if (const auto* own = dynamic_cast<const Error*>(&error)) {
    const std::string message = own->what();
    const bool context = message.starts_with("context:");
    return {status_of(*own), message, context ? "messages" : "",
            context ? "context_length_exceeded" : ""};
  }
  return {500, error.what()};
}

ApiError busy_error(const std::string& message, const char* code, double retry_after) {
  ApiError error(503, message, "", code);
  error.retry_after = retry_after;
  return error;
}

ApiError too_hot_error() {
  return busy_error("server: the machine is too hot to take more work; try again later",
                    "thermal_limit", 10);
}

const char* error_type(int status) {
  switch (status) {
    case 400:
    case 405:
    case 411:
    case 415:
    case 422:
    case 431:
      return "invalid_request_error";
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 408:
    case 504:
      return "timeout_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    default:
      return "api_error";
  }
}

}  // namespace tarn::server
