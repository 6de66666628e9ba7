#include "tarn/text/chat/named_calls.h"

#include <algorithm>

#include "tarn/text/chat/tool_table.h"

namespace tarn::text {
namespace {

constexpr std::string_view deepseek_call = "<｜tool▁call▁begin｜>";
constexpr std::string_view deepseek_separator = "<｜tool▁sep｜>";
constexpr std::string_view deepseek_call_end = "<｜tool▁call▁end｜>";
constexpr std::string_view deepseek_end = "<｜tool▁calls▁end｜>";
constexpr std::string_view kimi_call = "<|tool_call_begin|>";
constexpr std::string_view kimi_arguments = "<|tool_call_argument_begin|>";
constexpr std::string_view kimi_call_end = "<|tool_call_end|>";
constexpr std::string_view kimi_end = "<|tool_calls_section_end|>";

// functions.NAME:INDEX
std::string kimi_name(std::string_view id) {
  if (id.starts_with("functions.")) id.remove_prefix(10);
  const size_t colon = id.rfind(':');
  const bool index = colon != std::string_view::npos && colon + 1 < id.size() &&
                     id.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  return std::string(index ? id.substr(0, colon) : id);
}

}  // namespace

CallReader::Stop NamedCallReader::read_arguments() {
  if (!in_object_) {
    skip_space();
    if (position_ == text_.size()) return Status::more;
    if (text_[position_] != '{') return Status::rejected;
    in_object_ = true;
    object_begin_ = position_;
    scanner_ = JsonScanner(position_);
  }
  const JsonScanner::Status status = scanner_.scan(text_);
  if (status == JsonScanner::Status::more) return Status::more;
  in_object_ = false;
  position_ = scanner_.position();
  if (status == JsonScanner::Status::bad) return Status::rejected;
  call_.arguments = text_.substr(object_begin_, position_ - object_begin_);
  if (!is_json_object(call_.arguments)) return Status::rejected;
  return std::nullopt;
}

CallReader::Status DeepSeekReader::step() {
  for (;;) {
    if (const Stop stop = advance()) return *stop;
  }
}

CallReader::Stop DeepSeekReader::advance() {
  switch (at_) {
    case At::call:
      return read_call_or_end();
    case At::head:
      call_ = {};
      at_ = At::separated;
      [[fallthrough]];
    case At::separated:
      if (const Stop stop = read_name(deepseek_separator, call_.name)) return stop;
      at_ = At::name;
      break;
    case At::name:
      return choose_form();
    case At::fence: {
      skip_space();
      const std::optional<bool> fence = accept("```json");
      if (!fence) return Status::more;
      fenced_ = *fence;
      at_ = At::arguments;
      break;
    }
    case At::arguments:
      if (const Stop stop = read_arguments()) return stop;
      at_ = At::fence_end;
      break;
    case At::fence_end:
      if (fenced_) {
        const Stop stop = expect_space_and("```");
        if (stop && !(finished_ && *stop == Status::more)) return stop;
        if (stop) position_ = text_.size();
      }
      at_ = At::end;
      break;
    case At::end: {
      const Stop stop = expect_space_and(deepseek_call_end);
      if (stop && !(finished_ && *stop == Status::more)) return stop;
      if (stop) position_ = text_.size();
      ++calls_;
      at_ = At::call;
      return Status::call;
    }
    case At::over:
      return Status::done;
  }
  return std::nullopt;
}

CallReader::Stop DeepSeekReader::read_call_or_end() {
  skip_space();
  const std::optional<bool> call = accept(deepseek_call);
  if (call && *call) {
    at_ = At::head;
    return std::nullopt;
  }
  const std::optional<bool> end = accept(deepseek_end);
  const bool open = !call || !end;
  if (open && !finished_) return Status::more;
  if (calls_ == 0) return open ? Status::more : Status::rejected;
  if (open) position_ = text_.size();
  at_ = At::over;
  return std::nullopt;
}

// What stands before the separator is the call's type where a name and a fence follow, and the name
// itself where an object does.
CallReader::Stop DeepSeekReader::choose_form() {
  const size_t begin = position_;
  skip_space();
  if (position_ == text_.size()) return Status::more;
  if (text_[position_] == '{') {
    at_ = At::arguments;
    return std::nullopt;
  }
  std::string name;
  if (const Stop stop = read_name("\n", name)) {
    if (*stop == Status::more) position_ = begin;
    return stop;
  }
  call_.name = std::move(name);
  at_ = At::fence;
  return std::nullopt;
}

CallReader::Status KimiReader::step() {
  for (;;) {
    switch (at_) {
      case At::call: {
        skip_space();
        const std::optional<bool> call = accept(kimi_call);
        if (!call) return calls_ > 0 && finished_ ? Status::done : Status::more;
        if (!*call) {
          if (calls_ == 0) return Status::rejected;
          const std::optional<bool> end = accept(kimi_end);
          return end || finished_ ? Status::done : Status::more;
        }
        call_ = {};
        at_ = At::name;
        break;
      }
      case At::name:
        skip_space();
        if (const Stop stop = read_name(kimi_arguments, call_.id)) return *stop;
        call_.name = kimi_name(call_.id);
        at_ = At::arguments;
        break;
      case At::arguments:
        if (const Stop stop = read_arguments()) return *stop;
        at_ = At::end;
        break;
      case At::end: {
        const Stop stop = expect_space_and(kimi_call_end);
        if (stop && !(finished_ && *stop == Status::more)) return *stop;
        if (stop) position_ = text_.size();
        ++calls_;
        at_ = At::call;
        return call_.name.empty() ? Status::rejected : Status::call;
      }
    }
  }
}

CallReader::Status MistralReader::step() {
  for (;;) {
    if (const Stop stop = advance()) return *stop;
  }
}

CallReader::Stop MistralReader::advance() {
  switch (at_) {
    case At::start:
      return choose_form();
    case At::list:
      return read_list();
    case At::name:
      return read_head();
    case At::id:
      return read_id();
    case At::arguments:
      if (const Stop stop = read_arguments()) return stop;
      at_ = At::over;
      return Status::call;
    case At::over:
      break;
  }
  return Status::done;
}

CallReader::Stop MistralReader::choose_form() {
  skip_space();
  if (position_ == text_.size()) return Status::more;
  list_begin_ = position_;
  at_ = text_[position_] == '[' || text_[position_] == '{' ? At::list : At::name;
  return std::nullopt;
}

CallReader::Status MistralReader::read_list() {
  const Status status = list_.read(text_.substr(list_begin_), finished_);
  position_ = list_begin_ + list_.position();
  if (status == Status::call) call_ = list_.take_call();
  return status;
}

CallReader::Stop MistralReader::read_head() {
  size_t end = position_;
  while (end < text_.size() && is_name_byte(text_[end])) ++end;
  if (end - position_ > 256) return Status::rejected;
  if (end == text_.size()) return Status::more;
  if (end == position_) return Status::rejected;
  const std::string_view rest = text_.substr(end);
  const auto open = [&](std::string_view marker) {
    return rest.size() < marker.size() && marker.starts_with(rest);
  };
  if (open("[CALL_ID]") || open("[ARGS]")) return Status::more;
  const bool id = rest.starts_with("[CALL_ID]");
  const bool arguments = rest.starts_with("[ARGS]");
  if (!id && !arguments && std::string_view(" \t\r\n{").find(rest[0]) == std::string_view::npos) {
    return Status::rejected;
  }
  call_ = {};
  call_.name = text_.substr(position_, end - position_);
  position_ = end + (id ? 9 : arguments ? 6 : 0);
  at_ = id ? At::id : At::arguments;
  return std::nullopt;
}

CallReader::Stop MistralReader::read_id() {
  if (const Stop stop = read_name("[ARGS]", call_.id)) return stop;
  at_ = At::arguments;
  return std::nullopt;
}

CallReader::Status FunctionaryReader::step() {
  switch (at_) {
    case At::name:
      if (const Stop stop = read_name("\n", call_.name)) return *stop;
      at_ = At::arguments;
      if (call_.name == "all") {
        at_ = At::over;
        return Status::done;
      }
      [[fallthrough]];
    case At::arguments:
      if (const Stop stop = read_arguments()) return *stop;
      at_ = At::over;
      return Status::call;
    case At::over:
      break;
  }
  return Status::done;
}

}  // namespace tarn::text
