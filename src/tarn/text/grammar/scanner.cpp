#include "tarn/text/grammar/scanner.h"

#include <utility>

#include "tarn/text/unicode.h"

namespace tarn::text::grammar {

Scanner::Scanner(std::string_view text, std::string what, bool one_line)
    : text_(text), what_(std::move(what)), one_line_(one_line) {
  if (const size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    fail(ErrorCode::invalid_argument, "{}: not valid UTF-8 at byte {}", what_, bad);
  }
}

char32_t Scanner::peek() const {
  if (at_end()) return kEnd;
  size_t pos = pos_;
  return next_char(text_, pos);
}

char32_t Scanner::take() { return at_end() ? kEnd : next_char(text_, pos_); }

bool Scanner::take_if(char32_t c) {
  if (peek() != c) return false;
  take();
  return true;
}

char32_t Scanner::take_hex(int digits) {
  char32_t value = 0;
  for (int i = 0; i < digits; ++i) {
    const char32_t c = peek();
    char32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      fail_here(fmt::format("expected {} hexadecimal digits", digits));
    }
    value = value * 16 + digit;
    take();
  }
  return value;
}

uint32_t Scanner::take_number() {
  if (peek() < '0' || peek() > '9') fail_here("expected a number");
  uint64_t value = 0;
  while (peek() >= '0' && peek() <= '9') {
    value = std::min<uint64_t>(value * 10 + (take() - '0'), UINT32_MAX - 1);
  }
  return static_cast<uint32_t>(value);
}

std::string Scanner::place(size_t pos) const {
  const std::string_view before = text_.substr(0, pos);
  if (one_line_) return fmt::format("column {}", count_chars(before) + 1);
  size_t line = 1;
  size_t begin = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i] == '\n') {
      ++line;
      begin = i + 1;
    }
  }
  return fmt::format("line {}, column {}", line, count_chars(before.substr(begin)) + 1);
}

void Scanner::fail_at(size_t pos, ErrorCode code, std::string_view message) const {
  fail(code, "{}: {}: {}", what_, place(pos), message);
}

}  // namespace tarn::text::grammar
