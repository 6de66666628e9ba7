#include "tarn/text/chat/literals.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "tarn/text/chat/tool_table.h"
#include "tarn/text/unicode.h"

namespace tarn::text {
namespace {

constexpr int max_depth = 64;
constexpr std::string_view gemma_quote = "<|\"|>";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_identifier(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Recursive descent; each function appends JSON to `out_` and says whether it could.
class LiteralParser {
 public:
  LiteralParser(std::string_view text, LiteralSyntax syntax) : text_(text), syntax_(syntax) {}

  bool value(int depth = 0);
  bool arguments();
  bool at_end() {
    skip_space();
    return position_ == text_.size();
  }
  std::string take() { return std::move(out_); }

 private:
  bool python() const { return syntax_ == LiteralSyntax::python; }
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  bool accept(std::string_view literal);
  void skip_space();
  std::string_view identifier();
  bool list(char close, int depth);
  bool dictionary(int depth);
  bool key(int depth);
  bool word();
  bool number();
  bool string();  // Python's adjacent strings are one
  bool python_string(std::string& value);
  bool escape(std::string& value);
  bool code_point(size_t digits, std::string& value);

  std::string_view text_;
  LiteralSyntax syntax_;
  size_t position_ = 0;
  std::string out_;
};

bool LiteralParser::accept(std::string_view literal) {
  if (!text_.substr(position_).starts_with(literal)) return false;
  position_ += literal.size();
  return true;
}

void LiteralParser::skip_space() {
  while (position_ < text_.size() && is_space(text_[position_])) ++position_;
}

std::string_view LiteralParser::identifier() {
  const size_t begin = position_;
  while (position_ < text_.size() && is_identifier(text_[position_])) ++position_;
  return text_.substr(begin, position_ - begin);
}

bool LiteralParser::value(int depth) {
  if (depth > max_depth) return false;
  skip_space();
  const char c = peek();
  if (accept("[")) return list(']', depth);
  if (python() && accept("(")) return list(')', depth);
  if (accept("{")) return dictionary(depth);
  if (is_digit(c) || c == '-' || c == '+' || c == '.') return number();
  const size_t begin = position_;
  const size_t length = out_.size();
  if (string()) return true;
  position_ = begin;
  out_.resize(length);
  return word();
}

bool LiteralParser::list(char close, int depth) {
  const std::string_view closing(&close, 1);
  out_ += '[';
  for (bool first = true;; first = false) {
    skip_space();
    if (accept(closing)) break;
    if (!first) out_ += ", ";
    if (!value(depth + 1)) return false;
    skip_space();
    if (!accept(",") && peek() != close) return false;
  }
  out_ += ']';
  return true;
}

bool LiteralParser::dictionary(int depth) {
  out_ += '{';
  for (bool first = true;; first = false) {
    skip_space();
    if (accept("}")) break;
    if (!first) out_ += ", ";
    if (!key(depth)) return false;
    skip_space();
    if (!accept(":")) return false;
    out_ += ": ";
    if (!value(depth + 1)) return false;
    skip_space();
    if (!accept(",") && peek() != '}') return false;
  }
  out_ += '}';
  return true;
}

// Python's numbers become strings as keys, as json.dumps makes them; Gemma's keys are bare.
bool LiteralParser::key(int depth) {
  if (!python() && peek() != '<') {
    const size_t end = std::min(text_.find(':', position_), text_.size());
    const std::string quoted = quote_json(text_.substr(position_, end - position_));
    if (end == position_ || quoted.empty()) return false;
    position_ = end;
    out_ += quoted;
    return true;
  }
  const size_t begin = out_.size();
  if (peek() == '{' || peek() == '[' || peek() == '(' || !value(depth + 1)) return false;
  if (out_[begin] != '"') {
    out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(begin), '"');
    out_ += '"';
  }
  return true;
}

bool LiteralParser::word() {
  const std::string_view word = identifier();
  if (word == "true" || (python() && word == "True")) {
    out_ += "true";
  } else if (word == "false" || (python() && word == "False")) {
    out_ += "false";
  } else if (word == "null" || word == "None") {
    out_ += "null";
  } else {
    return false;
  }
  return true;
}

// JSON allows neither a plus sign, nor leading zeros, nor a bare point.
bool LiteralParser::number() {
  const bool negative = peek() == '-';
  if (negative || peek() == '+') ++position_;
  if (negative) out_ += '-';
  if (python() && (accept("0x") || accept("0X"))) {
    std::string digits(identifier());
    std::erase(digits, '_');
    uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
    out_ += std::to_string(value);
    return error == std::errc() && stop == end;
  }
  const auto digits = [&] {
    std::string run;
    for (; is_digit(peek()) || (python() && peek() == '_'); ++position_) {
      if (peek() != '_') run += peek();
    }
    return run;
  };
  const std::string whole = digits();
  const size_t first = std::min(whole.find_first_not_of('0'), whole.size());
  const std::string significant = whole.substr(first);
  out_ += significant.empty() ? "0" : significant;
  std::string fraction;
  const bool point = accept(".");
  if (point) {
    fraction = digits();
    out_ += '.';
    out_ += fraction.empty() ? "0" : fraction;
  }
  if (whole.empty() && fraction.empty()) return false;
  if (accept("e") || accept("E")) {
    out_ += 'e';
    if (peek() == '-' || peek() == '+') out_ += text_[position_++];
    const std::string exponent = digits();
    if (exponent.empty()) return false;
    out_ += exponent;
  }
  return !is_identifier(peek());
}

bool LiteralParser::string() {
  std::string value;
  if (!python()) {
    if (!accept(gemma_quote)) return false;
    const size_t end = text_.find(gemma_quote, position_);
    if (end == std::string_view::npos) return false;
    value = text_.substr(position_, end - position_);
    position_ = end + gemma_quote.size();
  } else {
    if (!python_string(value)) return false;
    for (;;) {
      const size_t end = position_;
      skip_space();
      const size_t length = value.size();
      if (python_string(value)) continue;
      position_ = end;
      value.resize(length);
      break;
    }
  }
  const std::string quoted = quote_json(value);
  out_ += quoted;
  return !quoted.empty();
}

bool LiteralParser::python_string(std::string& value) {
  const bool raw = accept("r") || accept("R");
  if (!raw && !accept("u")) accept("U");
  const char c = peek();
  if (c != '"' && c != '\'') return false;
  std::string_view quote = text_.substr(position_, 3);
  if (quote != "\"\"\"" && quote != "'''") quote = text_.substr(position_, 1);
  position_ += quote.size();
  while (!accept(quote)) {
    if (position_ == text_.size()) return false;
    if (peek() == '\\') {
      ++position_;
      if (raw) {
        value += '\\';
        value += peek();
        ++position_;
        if (position_ > text_.size()) return false;
      } else if (!escape(value)) {
        return false;
      }
      continue;
    }
    value += text_[position_++];
  }
  return true;
}

bool LiteralParser::escape(std::string& value) {
  const char c = peek();
  if (position_ == text_.size()) return false;
  ++position_;
  static constexpr std::string_view letters = "abfnrtv\\'\"";
  static constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\'\"";
  if (const size_t i = letters.find(c); i != std::string_view::npos) {
    value += meanings[i];
    return true;
  }
  switch (c) {
    case '\n':
      return true;  // the line goes on
    case 'x':
      return code_point(2, value);
    case 'u':
      return code_point(4, value);
    case 'U':
      return code_point(8, value);
    default:
      break;
  }
  if (c >= '0' && c <= '7') {
    uint32_t code = static_cast<uint32_t>(c - '0');
    for (int i = 0; i < 2 && peek() >= '0' && peek() <= '7'; ++i) {
      code = code * 8 + static_cast<uint32_t>(text_[position_++] - '0');
    }
    append_char(value, static_cast<char32_t>(code));
    return true;
  }
  value += '\\';  // Python keeps what it does not know, and JSON's \/ is meant otherwise
  if (c == '/') value.pop_back();
  value += c;
  return true;
}

// Surrogates come in pairs where a model escapes as JSON does.
bool LiteralParser::code_point(size_t digits, std::string& value) {
  const auto read = [&](uint32_t& code) {
    const std::string_view part = text_.substr(position_, digits);
    const char* end = part.data() + part.size();
    if (part.size() < digits || std::from_chars(part.data(), end, code, 16).ptr != end) {
      return false;
    }
    position_ += digits;
    return true;
  };
  uint32_t code = 0;
  if (!read(code)) return false;
  if (code >= 0xD800 && code < 0xDC00 && accept("\\u")) {
    uint32_t low = 0;
    if (!read(low) || low < 0xDC00 || low > 0xDFFF) return false;
    code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
  append_char(value, static_cast<char32_t>(code));
  return true;
}

bool LiteralParser::arguments() {
  out_ += '{';
  for (bool first = true;; first = false) {
    if (at_end()) break;
    if (!first) out_ += ", ";
    if (python()) {
      const std::string quoted = quote_json(identifier());
      if (quoted.size() <= 2) return false;
      out_ += quoted;
      skip_space();
    } else if (!key(0)) {
      return false;
    }
    if (!accept(python() ? "=" : ":")) return false;
    out_ += ": ";
    if (!value(0)) return false;
    if (!at_end() && !accept(",")) return false;
  }
  out_ += '}';
  return true;
}

}  // namespace

std::optional<std::string> literal_to_json(std::string_view text, LiteralSyntax syntax) {
  LiteralParser parser(text, syntax);
  if (!parser.value() || !parser.at_end()) return std::nullopt;
  return parser.take();
}

std::optional<std::string> arguments_to_json(std::string_view text, LiteralSyntax syntax) {
  LiteralParser parser(text, syntax);
  if (!parser.arguments()) return std::nullopt;
  std::string object = parser.take();
  if (!is_json_object(object)) return std::nullopt;  // a number that no double holds
  return object;
}

BracketScanner::Status BracketScanner::scan(std::string_view text) {
  while (!closing_.empty() && position_ < text.size()) {
    const size_t before = position_;
    if (!step(text)) return Status::bad;
    if (position_ == before) return Status::more;
  }
  return closing_.empty() ? Status::done : Status::more;
}

// Consumes nothing where the text may yet go on to decide.
bool BracketScanner::step(std::string_view text) {
  const std::string_view rest = text.substr(position_);
  const char c = rest.front();
  if (!quote_.empty()) {
    if (syntax_ == LiteralSyntax::python && c == '\\') {
      position_ += rest.size() < 2 ? 0 : 2;
    } else if (rest.starts_with(quote_)) {
      position_ += quote_.size();
      quote_ = {};
    } else if (!quote_.starts_with(rest)) {
      ++position_;
    }
    return true;
  }
  if (syntax_ == LiteralSyntax::gemma) {
    if (rest.starts_with(gemma_quote)) {
      quote_ = gemma_quote;
      position_ += quote_.size();
      return true;
    }
    if (gemma_quote.starts_with(rest)) return true;
  } else if (c == '"' || c == '\'') {
    const std::string_view triple = c == '"' ? "\"\"\"" : "'''";
    if (rest.size() < 3 && triple.starts_with(rest)) return true;
    quote_ = rest.starts_with(triple) ? triple : triple.substr(0, 1);
    position_ += quote_.size();
    return true;
  }
  ++position_;
  const size_t kind = std::string_view("([{").find(c);
  if (kind != std::string_view::npos) {
    closing_ += std::string_view(")]}")[kind];
    return closing_.size() <= max_depth;
  }
  if (c == ')' || c == ']' || c == '}') {
    if (closing_.back() != c) return false;
    closing_.pop_back();
  }
  return true;
}

}  // namespace tarn::text
