// What is wrong with a request, in terms that every API can put into its own words.
#pragma once

#include <optional>
#include <string>

#include "tarn/base/error.h"

namespace tarn::server {

class ApiError : public Error {
 public:
  // `param`: the field of the body or the header that is wrong; empty: none in particular. `code`:
  // a word for programs, such as "context_length_exceeded".
  ApiError(int status, const std::string& message, std::string param = {}, std::string code = {})
      : Error(ErrorCode::invalid_argument, message),
        status_(status),
        param_(std::move(param)),
        code_(std::move(code)) {}

  int status() const { return status_; }
  const std::string& param() const { return param_; }
  const std::string& code_word() const { return code_; }

  std::optional<double> retry_after;  // seconds

 private:
  int status_;
  std::string param_;
  std::string code_;
};

// Any exception, as one of these: Tarn's errors by their codes (400 for what the request asks for,
// 429 for a full queue, 503 while it drains, 500 for what is the server's fault).
ApiError to_api_error(const std::exception& error);

// 503 with the time after which to try again.
ApiError busy_error(const std::string& message, const char* code, double retry_after);
ApiError too_hot_error();

// The word that OpenAI and Anthropic have for a status: "invalid_request_error", ...
const char* error_type(int status);

}  // namespace tarn::server
