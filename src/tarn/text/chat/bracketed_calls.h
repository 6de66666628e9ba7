// Calls that look like code: f(a=1) in Python, call:f{a:1} in Gemma. Internal to text/chat.
#pragma once

#include "tarn/text/chat/call_reader.h"
#include "tarn/text/chat/literals.h"

namespace tarn::text {

// [f(a=1, b="x"), g()] and what closes the section.
class PythonCallsReader : public CallReader {
 public:
  explicit PythonCallsReader(std::string_view close) : close_(close) {}

 protected:
  Status step() override;

 private:
  enum class At : uint8_t { list, name, arguments, separator, end, over };
  Stop advance();
  Stop read_arguments();

  std::string_view close_;
  At at_ = At::list;
  size_t arguments_begin_ = 0;
  BracketScanner brackets_{0, ')', LiteralSyntax::python};
};

// call:NAME{KEY:VALUE,..}<tool_call|>
class GemmaCallReader : public CallReader {
 protected:
  Status step() override;

 private:
  enum class At : uint8_t { head, name, arguments, end, over };
  At at_ = At::head;
  size_t arguments_begin_ = 0;
  BracketScanner brackets_{0, '}', LiteralSyntax::gemma};
};

}  // namespace tarn::text
