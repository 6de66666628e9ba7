#include "tarn/text/chat/xml_calls.h"

#include <algorithm>

namespace tarn::text {
namespace {

constexpr size_t longest_key = 256;  // bytes

}  // namespace

CallReader::Status XmlCallsReader::step() {
  for (;;) {
    Stop stop;
    switch (at_) {
      case At::call:
        stop = read_call_or_end();
        break;
      case At::name:
        stop = read_tool_name();
        break;
      case At::key_or_end:
        stop = read_key_or_end();
        break;
      case At::key:
        stop = read_key();
        break;
      case At::value_open:
        stop = open_value();
        break;
      case At::value:
        stop = read_value();
        break;
      case At::over:
        return Status::done;
    }
    if (stop) return *stop;
  }
}

CallReader::Stop XmlCallsReader::read_call_or_end() {
  skip_space();
  if (calls_ > 0) {
    // A section may lack its end: the calls in it are complete.
    const std::optional<bool> closed = accept(syntax_.section_close);
    if (!closed) return finished_ ? Status::done : Status::more;
    if (*closed) return Status::done;
  }
  if (const Stop stop = expect(syntax_.call_open)) {
    return *stop == Status::rejected && calls_ > 0 ? Status::done : *stop;
  }
  call_ = {};
  at_ = At::name;
  return std::nullopt;
}

CallReader::Stop XmlCallsReader::read_tool_name() {
  if (syntax_.name_end.empty()) {
    skip_space();
    size_t end = position_;
    while (end < text_.size() && is_name_byte(text_[end])) ++end;
    if (end - position_ > longest_key) return Status::rejected;
    if (end == text_.size()) return Status::more;
    if (end == position_) return Status::rejected;
    call_.name = text_.substr(position_, end - position_);
    position_ = end;
  } else if (const Stop stop = read_name(syntax_.name_end, call_.name)) {
    return stop;
  }
  call_.arguments.assign(1, '{');
  at_ = At::key_or_end;
  return std::nullopt;
}

CallReader::Stop XmlCallsReader::read_key_or_end() {
  skip_space();
  const std::optional<bool> key = accept(syntax_.key_open);
  if (key && *key) {
    at_ = At::key;
    return std::nullopt;
  }
  const Stop stop = expect(syntax_.call_close);
  if (stop) return key ? *stop : Status::more;
  call_.arguments += '}';
  ++calls_;
  at_ = syntax_.call_open.empty() ? At::over : At::call;
  return is_json_object(call_.arguments) ? Status::call : Status::rejected;
}

CallReader::Stop XmlCallsReader::read_key() {
  const size_t limit = position_ + longest_key + syntax_.key_end.size();
  const std::string_view window = text_.substr(0, limit);
  const size_t end = window.find(syntax_.key_end, position_);
  if (end == std::string_view::npos) {
    const bool another_line = window.find('\n', position_) != std::string_view::npos;
    return another_line || text_.size() >= limit ? Status::rejected : Status::more;
  }
  if (end == position_ || window.substr(position_, end - position_).find('\n') != window.npos) {
    return Status::rejected;
  }
  key_ = text_.substr(position_, end - position_);
  position_ = end + syntax_.key_end.size();
  at_ = At::value_open;
  return std::nullopt;
}

CallReader::Stop XmlCallsReader::open_value() {
  as_string_ = false;
  if (syntax_.string_attribute) {
    const std::optional<bool> is_string = accept("true\">");
    if (!is_string) return Status::more;
    if (!*is_string) {
      if (const Stop stop = expect("false\">")) return stop;
    }
    as_string_ = *is_string;
  } else if (!syntax_.value_open.empty()) {
    if (const Stop stop = expect_space_and(syntax_.value_open)) return stop;
  }
  search_ = position_;
  behind_ = position_;
  at_ = At::value;
  return std::nullopt;
}

// A value may hold what looks like its own end; the one that counts has a tag behind it.
CallReader::Stop XmlCallsReader::read_value() {
  for (;;) {
    const size_t end = text_.find(syntax_.value_end, search_);
    if (end == std::string_view::npos) {
      const size_t kept = syntax_.value_end.size() - 1;
      search_ = std::max(search_, text_.size() - std::min(kept, text_.size()));
      return Status::more;
    }
    search_ = end;
    const std::optional<bool> ends = value_ends_at(end + syntax_.value_end.size());
    if (!ends) return Status::more;
    if (*ends) break;
    ++search_;
  }
  std::string_view value = text_.substr(position_, search_ - position_);
  if (syntax_.line_breaks) {
    if (value.starts_with("\r\n")) {
      value.remove_prefix(2);
    } else if (value.starts_with('\n')) {
      value.remove_prefix(1);
    }
    if (value.ends_with('\n')) value.remove_suffix(1);
    if (value.ends_with('\r')) value.remove_suffix(1);
  }
  if (!add_argument(value)) return Status::rejected;
  position_ = search_ + syntax_.value_end.size();
  at_ = At::key_or_end;
  return std::nullopt;
}

std::optional<bool> XmlCallsReader::value_ends_at(size_t end) {
  behind_ = std::min(text_.find_first_not_of(" \t\r\n", std::max(behind_, end)), text_.size());
  const std::string_view rest = text_.substr(behind_);
  if (rest.starts_with(syntax_.key_open) || rest.starts_with(syntax_.call_close)) return true;
  if (syntax_.key_open.starts_with(rest) || syntax_.call_close.starts_with(rest)) {
    return std::nullopt;
  }
  return false;
}

bool XmlCallsReader::add_argument(std::string_view text) {
  const std::string key = quote_json(key_);
  const std::string value = as_string_ ? quote_json(text) : tools_.argument(call_.name, key_, text);
  if (key.empty() || value.empty()) return false;
  if (call_.arguments.size() > 1) call_.arguments += ", ";
  call_.arguments += key;
  call_.arguments += ": ";
  call_.arguments += value;
  return true;
}

}  // namespace tarn::text
