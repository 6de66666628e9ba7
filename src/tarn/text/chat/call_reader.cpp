#include "tarn/text/chat/call_reader.h"

#include <algorithm>

namespace tarn::text {
namespace {

constexpr size_t longest_name = 256;  // bytes

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

CallReader::Status CallReader::read(std::string_view text, bool finished) {
  text_ = text;
  finished_ = finished;
  return step();
}

std::optional<bool> CallReader::accept(std::string_view literal) {
  const std::string_view rest = text_.substr(position_);
  if (rest.starts_with(literal)) {
    position_ += literal.size();
    return true;
  }
  if (literal.starts_with(rest)) return std::nullopt;
  return false;
}

CallReader::Stop CallReader::expect(std::string_view literal) {
  const std::optional<bool> here = accept(literal);
  if (!here) return Status::more;
  if (!*here) return Status::rejected;
  return std::nullopt;
}

CallReader::Stop CallReader::expect_space_and(std::string_view literal) {
  skip_space();
  return expect(literal);
}

void CallReader::skip_space() {
  while (position_ < text_.size() && is_space(text_[position_])) ++position_;
}

bool CallReader::is_name_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("_-.:/").find(c) != std::string_view::npos ||
         static_cast<unsigned char>(c) >= 0x80;
}

CallReader::Stop CallReader::read_name(std::string_view end, std::string& name) {
  const std::string_view rest = text_.substr(position_);
  size_t length = 0;
  for (; length < rest.size(); ++length) {
    const std::string_view here = rest.substr(length);
    if (here.starts_with(end)) {
      if (length == 0) return Status::rejected;
      name.assign(rest.substr(0, length));
      position_ += length + end.size();
      return std::nullopt;
    }
    if (end.starts_with(here)) return Status::more;
    if (!is_name_byte(rest[length]) || length == longest_name) return Status::rejected;
  }
  return Status::more;
}

}  // namespace tarn::text
