#include "tarn/text/chat/bracketed_calls.h"

namespace tarn::text {

CallReader::Status PythonCallsReader::step() {
  for (;;) {
    if (const Stop stop = advance()) return *stop;
  }
}

CallReader::Stop PythonCallsReader::advance() {
  switch (at_) {
    case At::list:
      if (const Stop stop = expect_space_and("[")) return stop;
      skip_space();
      at_ = At::name;
      break;
    case At::name:
      skip_space();
      call_ = {};
      if (const Stop stop = read_name("(", call_.name)) return stop;
      arguments_begin_ = position_;
      brackets_ = BracketScanner(position_, ')', LiteralSyntax::python);
      at_ = At::arguments;
      break;
    case At::arguments:
      return read_arguments();
    case At::separator: {
      skip_space();
      const std::optional<bool> comma = accept(",");
      if (!comma) return Status::more;
      at_ = At::name;
      if (!*comma) {
        if (const Stop stop = expect("]")) return stop;
        at_ = At::end;
      }
      break;
    }
    case At::end:
      if (!close_.empty()) {
        skip_space();
        const bool open = !accept(close_);
        if (open && !finished_) return Status::more;
        if (open) position_ = text_.size();
      }
      at_ = At::over;
      break;
    case At::over:
      return Status::done;
  }
  return std::nullopt;
}

CallReader::Stop PythonCallsReader::read_arguments() {
  const BracketScanner::Status status = brackets_.scan(text_);
  if (status == BracketScanner::Status::more) return Status::more;
  position_ = brackets_.position();
  if (status == BracketScanner::Status::bad) return Status::rejected;
  auto arguments = arguments_to_json(
      text_.substr(arguments_begin_, position_ - 1 - arguments_begin_), LiteralSyntax::python);
  if (!arguments) return Status::rejected;
  call_.arguments = std::move(*arguments);
  at_ = At::separator;
  return Status::call;
}

CallReader::Status GemmaCallReader::step() {
  switch (at_) {
    case At::head:
      if (const Stop stop = expect_space_and("call:")) return *stop;
      at_ = At::name;
      [[fallthrough]];
    case At::name:
      if (const Stop stop = read_name("{", call_.name)) return *stop;
      arguments_begin_ = position_;
      brackets_ = BracketScanner(position_, '}', LiteralSyntax::gemma);
      at_ = At::arguments;
      [[fallthrough]];
    case At::arguments: {
      const BracketScanner::Status status = brackets_.scan(text_);
      if (status == BracketScanner::Status::more) return Status::more;
      position_ = brackets_.position();
      if (status == BracketScanner::Status::bad) return Status::rejected;
      auto arguments = arguments_to_json(
          text_.substr(arguments_begin_, position_ - 1 - arguments_begin_), LiteralSyntax::gemma);
      if (!arguments) return Status::rejected;
      call_.arguments = std::move(*arguments);
      at_ = At::end;
      [[fallthrough]];
    }
    case At::end: {
      const Stop stop = expect_space_and("<tool_call|>");
      if (stop && !(finished_ && *stop == Status::more)) return *stop;
      if (stop) position_ = text_.size();
      at_ = At::over;
      return Status::call;
    }
    case At::over:
      break;
  }
  return Status::done;
}

}  // namespace tarn::text
