// Errors of the interpreter. Below Template they are Failure, without a place; Template adds its
// name and the line and throws TemplateError.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "tarn/base/error.h"

namespace tarn::text {

// A template that could not be parsed or rendered. When the template itself called
// raise_exception, raised() is true and what() is exactly its message; otherwise what() opens with
// the template's name and line.
class TemplateError : public Error {
 public:
  TemplateError(ErrorCode code, const std::string& message, bool raised, int line)
      : Error(code, message), raised_(raised), line_(line) {}
  bool raised() const noexcept { return raised_; }
  int line() const noexcept { return line_; }

 private:
  bool raised_;
  int line_;
};

namespace jinja {

struct Failure {
  std::string message;
  bool raised = false;  // by raise_exception
};

template <typename... Args>
[[noreturn]] void raise(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure{fmt::format(format, std::forward<Args>(args)...)};
}

struct SyntaxError {
  std::string message;
  int line;
};

}  // namespace jinja
}  // namespace tarn::text
