// Reading of grammar sources character by character, for parsers whose errors name a place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tarn/base/error.h"

namespace tarn::text::grammar {

class Scanner {
 public:
  // The text must be valid UTF-8; else ErrorCode::invalid_argument. `what` opens messages.
  // `one_line`: places are columns, not lines and columns.
  Scanner(std::string_view text, std::string what, bool one_line);

  static constexpr char32_t kEnd = UINT32_MAX;
  bool at_end() const { return pos_ == text_.size(); }
  char32_t peek() const;  // kEnd at the end
  char32_t take();        // kEnd at the end
  bool take_if(char32_t c);
  bool starts_with(std::string_view prefix) const { return text_.substr(pos_).starts_with(prefix); }
  // Exactly `digits` hexadecimal digits, as the number of a character.
  char32_t take_hex(int digits);
  // Decimal digits, at least one; saturates at UINT32_MAX - 1.
  uint32_t take_number();

  size_t pos() const { return pos_; }
  void reset(size_t pos) { pos_ = pos; }
  std::string_view since(size_t begin) const { return text_.substr(begin, pos_ - begin); }
  // "line 3, column 7", or "column 7" (1-based, in characters).
  std::string place(size_t pos) const;
  std::string place() const { return place(pos_); }
  // The error at `pos`: "what: place: message".
  [[noreturn]] void fail_at(size_t pos, ErrorCode code, std::string_view message) const;
  [[noreturn]] void fail_here(std::string_view message) const {
    fail_at(pos_, ErrorCode::invalid_argument, message);
  }

 private:
  std::string_view text_;
  std::string what_;
  bool one_line_;
  size_t pos_ = 0;
};

}  // namespace tarn::text::grammar
