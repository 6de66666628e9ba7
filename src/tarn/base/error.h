// The project's one error type. A message reads "what: why, and what to do"; whoever catches it at
// the border (command line, C API, server) prints it after its own prefix.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace tarn {

enum class ErrorCode {
  invalid_argument,  // the caller passed something wrong: a shape, a dtype, an option
  not_found,         // a file, a model, a tensor
  corrupt,           // a file's content breaks its format
  unsupported,       // well-formed, but Tarn does not do it
  out_of_memory,     // refused before any memory was taken
  cancelled,         // the caller asked for the work to stop
  io,                // the operating system refused a read or a write
  internal,          // a bug of Tarn's own
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

[[noreturn]] void throw_error(ErrorCode code, fmt::string_view format, fmt::format_args args);

// fail(ErrorCode::corrupt, "{}: header says {} bytes, the file has {}", path, a, b);
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw_error(code, format, fmt::make_format_args(args...));
}

}  // namespace tarn
