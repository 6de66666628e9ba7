// Calls that are JSON objects, alone or in an array: {"name": .., "arguments": {..}}.
#include "tarn/text/chat/json_calls.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tarn::text {
namespace {

using nlohmann::ordered_json;

// What stands in quotes or brackets, the text of an object's member.
std::string_view value_text(std::string_view text, const JsonScanner::Member& member) {
  std::string_view value = text.substr(member.value_begin, member.value_end - member.value_begin);
  while (!value.empty() && std::string_view(" \t\r\n").find(value.back()) != std::string_view::npos)
    value.remove_suffix(1);
  return value;
}

std::optional<std::string> string_value(std::string_view text) {
  const auto value = ordered_json::parse(text, nullptr, false);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

// The model's own text where that is an object; what a string holds, if that is one.
std::optional<std::string> arguments_text(std::string_view text) {
  if (text == "null") return "{}";
  if (text.starts_with('{')) return std::string(text);
  std::optional<std::string> inner = string_value(text);
  if (inner && is_json_object(*inner)) return inner;
  return std::nullopt;
}

bool is_any(std::string_view key, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), key) != names.end();
}

}  // namespace

std::optional<ToolCall> call_of_object(std::string_view text, const JsonScanner& object,
                                       size_t begin, CallShape shape) {
  if (!is_json_object(text.substr(begin, object.position() - begin))) return std::nullopt;
  ToolCall call;
  std::optional<std::string> arguments;
  for (const JsonScanner::Member& member : object.members()) {
    const std::string_view key = text.substr(member.key_begin, member.key_end - member.key_begin);
    const std::string_view value = value_text(text, member);
    if (shape == CallShape::name_is_key) {
      if (object.members().size() != 1) return std::nullopt;
      call.name = key;
      arguments = arguments_text(value);
    } else if (is_any(key, {"name", "tool_name", "function"})) {
      call.name = string_value(value).value_or("");
    } else if (is_any(key, {"arguments", "parameters"})) {
      arguments = arguments_text(value);
      if (!arguments) return std::nullopt;
    } else if (key == "id") {
      call.id = string_value(value).value_or("");
    }
  }
  if (shape == CallShape::name_and_maybe_arguments && !arguments) arguments = "{}";
  if (call.name.empty() || !arguments) return std::nullopt;
  call.arguments = std::move(*arguments);
  return call;
}

CallReader::Status JsonCallsReader::step() {
  for (;;) {
    switch (at_) {
      case At::start: {
        skip_space();
        const std::optional<bool> fence = fenced_ ? std::optional(false) : accept("```json");
        if (!fence) return Status::more;
        if (*fence) {
          fenced_ = true;
        } else if (Stop stop = start_value()) {
          return *stop;
        }
        break;
      }
      case At::item:
        skip_space();
        if (position_ == text_.size()) return Status::more;
        if (text_[position_] != '{') return Status::rejected;
        begin_object();
        break;
      case At::object:
        if (Stop stop = read_object()) return *stop;
        break;
      case At::separator:
        skip_space();
        if (position_ == text_.size()) return Status::more;
        if (text_[position_] == ',') {
          ++position_;
          at_ = At::item;
        } else if (text_[position_] == ']') {
          ++position_;
          at_ = At::end;
        } else {
          return Status::rejected;
        }
        break;
      case At::end:
        return read_end();
      case At::over:
        return Status::done;
    }
  }
}

CallReader::Stop JsonCallsReader::start_value() {
  if (position_ == text_.size()) return Status::more;
  const char c = text_[position_];
  if (c == '{') {
    begin_object();
  } else if (c == '[' && syntax_.arrays) {
    ++position_;
    in_array_ = true;
    at_ = At::item;
  } else {
    return Status::rejected;
  }
  return std::nullopt;
}

void JsonCallsReader::begin_object() {
  object_begin_ = position_;
  scanner_ = JsonScanner(position_);
  at_ = At::object;
}

CallReader::Stop JsonCallsReader::read_object() {
  const JsonScanner::Status status = scanner_.scan(text_);
  if (status == JsonScanner::Status::more) return Status::more;
  position_ = scanner_.position();
  if (status == JsonScanner::Status::bad) return Status::rejected;
  std::optional<ToolCall> call = call_of_object(text_, scanner_, object_begin_, syntax_.shape);
  if (!call) return Status::rejected;
  call_ = std::move(*call);
  at_ = in_array_ ? At::separator : At::end;
  // Alone, it also needs what closes it.
  if (in_array_ || (syntax_.close.empty() && !fenced_)) return Status::call;
  return std::nullopt;
}

CallReader::Status JsonCallsReader::read_end() {
  const auto cut_off = [&] {
    if (!finished_) return Status::more;
    position_ = text_.size();
    return finish();
  };
  skip_space();
  if (fenced_) {
    const std::optional<bool> fence = accept("```");
    if (!fence) return cut_off();
    if (!*fence) return Status::rejected;
    fenced_ = false;
    if (syntax_.close.empty()) return finish();
    skip_space();
  }
  if (syntax_.close.empty()) {
    if (syntax_.separator == 0) return finish();
    if (position_ == text_.size()) return cut_off();
    if (text_[position_] != syntax_.separator) return finish();
    ++position_;
    at_ = At::item;
    return step();
  }
  const std::optional<bool> closed = accept(syntax_.close);
  if (!closed) return cut_off();
  if (!*closed && !in_array_) return Status::rejected;
  return finish();
}

// The section is over. An object that stood alone has been waiting for that.
CallReader::Status JsonCallsReader::finish() {
  at_ = At::over;
  return call_.name.empty() ? Status::done : Status::call;
}

}  // namespace tarn::text
