#include "tarn/text/jinja/lexer.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

// \r\n and \r become \n; one newline at the very end is dropped.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

int count_newlines(std::string_view text) {
  int n = 0;
  for (const char c : text) n += c == '\n';
  return n;
}

constexpr std::array<std::string_view, 26> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool ascii_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (pos_ < source_.size()) {
      const size_t tag = find_tag(pos_);
      if (tag == std::string::npos) {
        emit_data(std::string_view(source_).substr(pos_));
        pos_ = source_.size();
        break;
      }
      read_tag(tag);
    }
    tokens_.push_back({TokenKind::end, line_, {}});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail_at(std::string message) const { throw SyntaxError{message, line_}; }
  char at(size_t pos) const { return pos < source_.size() ? source_[pos] : '\0'; }
  bool starts(size_t pos, std::string_view text) const {
    return std::string_view(source_).substr(pos, text.size()) == text;
  }
  size_t skip_spaces(size_t pos) const {
    while (pos < source_.size()) {
      size_t next = pos;
      if (!is_space(next_code_point(source_, next))) break;
      pos = next;
    }
    return pos;
  }

  size_t find_tag(size_t from) const {
    for (size_t pos = source_.find('{', from); pos != std::string::npos;
         pos = source_.find('{', pos + 1)) {
      const char next = at(pos + 1);
      if (next == '{' || next == '%' || next == '#') return pos;
    }
    return std::string::npos;
  }

  void emit_data(std::string_view data) {
    if (!data.empty()) tokens_.push_back({TokenKind::data, line_, std::string(data)});
    line_ += count_newlines(data);
  }

  // The text before a tag, less the white space that the tag's sign or lstrip_blocks takes away.
  void emit_data_before(std::string_view text, char sign, bool variable) {
    std::string_view kept = text;
    if (sign == '-') {
      kept = strip(text, false, true);
    } else if (sign != '+' && !variable) {
      const size_t newline = text.rfind('\n');
      const size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
      if ((line_begin > 0 || line_starting_) &&
          strip(text.substr(line_begin), true, false).empty()) {
        kept = text.substr(0, line_begin);
      }
    }
    if (!kept.empty()) tokens_.push_back({TokenKind::data, line_, std::string(kept)});
    line_ += count_newlines(text);
  }

  void read_tag(size_t tag) {
    const std::string_view before = std::string_view(source_).substr(pos_, tag - pos_);
    size_t body = tag + 2;
    const char sign = at(body) == '-' || at(body) == '+' ? at(body++) : '\0';
    const char type = at(tag + 1);
    emit_data_before(before, sign, type == '{');
    if (type == '#') {
      read_comment(body);
    } else if (type == '{') {
      tokens_.push_back({TokenKind::variable_begin, line_, {}});
      pos_ = body;
      read_code(true);
    } else if (const size_t raw = raw_begin(body); raw != std::string::npos) {
      advance(body, raw);
      read_raw();
    } else {
      tokens_.push_back({TokenKind::block_begin, line_, {}});
      pos_ = body;
      read_code(false);
    }
  }

  void advance(size_t from, size_t to) {
    line_ += count_newlines(std::string_view(source_).substr(from, to - from));
    line_starting_ = to > 0 && source_[to - 1] == '\n';
    pos_ = to;
  }

  // Behind the closing mark at `pos`, with what its sign or trim_blocks takes along.
  size_t after_close(size_t pos, char sign, bool trim) const {
    pos += 2;
    if (sign == '-') return skip_spaces(pos);
    if (sign != '+' && trim && at(pos) == '\n') ++pos;
    return pos;
  }

  void read_comment(size_t body) {
    const size_t close = source_.find("#}", body);
    if (close == std::string::npos) fail_at("Missing end of comment tag");
    const char sign = close > body ? at(close - 1) : '\0';
    advance(body, after_close(close, sign, true));
  }

  // Behind `raw %}` if that is what stands at `body`, else npos.
  size_t raw_begin(size_t body) const {
    size_t pos = skip_spaces(body);
    if (!starts(pos, "raw")) return std::string::npos;
    pos = skip_spaces(pos + 3);
    if (starts(pos, "-%}")) return after_close(pos + 1, '-', false);
    return starts(pos, "%}") ? pos + 2 : std::string::npos;
  }

  void read_raw() {
    for (size_t tag = source_.find("{%", pos_); tag != std::string::npos;
         tag = source_.find("{%", tag + 1)) {
      size_t body = tag + 2;
      const char sign = at(body) == '-' || at(body) == '+' ? at(body++) : '\0';
      size_t pos = skip_spaces(body);
      if (!starts(pos, "endraw")) continue;
      pos = skip_spaces(pos + 6);
      const char close_sign = at(pos) == '-' || at(pos) == '+' ? at(pos++) : '\0';
      if (!starts(pos, "%}")) continue;
      emit_data_before(std::string_view(source_).substr(pos_, tag - pos_), sign, false);
      advance(tag, after_close(pos, close_sign, true));
      return;
    }
    fail_at("Missing end of raw directive");
  }

  void read_code(bool variable) {
    const char* const close = variable ? "}}" : "%}";
    std::string open;  // the closing parentheses that are still owed
    while (true) {
      const size_t next = skip_spaces(pos_);
      if (next != pos_) advance(pos_, next);
      if (pos_ >= source_.size()) return;  // the parser reports the missing end
      if (open.empty()) {
        const char sign = at(pos_);
        const bool signed_close =
            (sign == '-' || (sign == '+' && !variable)) && starts(pos_ + 1, close);
        if (signed_close || starts(pos_, close)) {
          tokens_.push_back({variable ? TokenKind::variable_end : TokenKind::block_end, line_, {}});
          const size_t at_close = pos_ + (signed_close ? 1 : 0);
          advance(pos_, after_close(at_close, signed_close ? sign : '\0', !variable));
          return;
        }
      }
      line_starting_ = false;
      read_token(open);
    }
  }

  void read_token(std::string& open) {
    const char c = at(pos_);
    if (ascii_digit(c)) return read_number();
    if (c == '\'' || c == '"') {
      const size_t close = string_end(c);
      if (close != std::string::npos) return read_string(close);
    }
    size_t word_end = pos_;
    for (size_t next = pos_; next < source_.size(); word_end = next) {
      if (!is_word(next_code_point(source_, next))) break;
    }
    if (word_end > pos_) {
      size_t first = pos_;
      const char32_t initial = next_code_point(source_, first);
      if (initial != '_' && !is_alpha(initial)) fail_at("Invalid character in identifier");
      tokens_.push_back({TokenKind::name, line_, source_.substr(pos_, word_end - pos_)});
      pos_ = word_end;
      return;
    }
    for (const std::string_view op : kOperators) {
      if (starts(pos_, op)) return read_operator(op, open);
    }
    size_t end = pos_;
    next_code_point(source_, end);
    fail_at(fmt::format("unexpected char '{}'", source_.substr(pos_, end - pos_)));
  }

  void read_operator(std::string_view op, std::string& open) {
    const char c = op[0];
    if (c == '{' || c == '(' || c == '[') {
      open += c == '(' ? ')' : static_cast<char>(c + 2);  // '{' and '[' close two codes later
    } else if (c == '}' || c == ')' || c == ']') {
      if (open.empty()) fail_at(fmt::format("unexpected '{}'", c));
      if (open.back() != c) fail_at(fmt::format("unexpected '{}', expected '{}'", c, open.back()));
      open.pop_back();
    }
    tokens_.push_back({TokenKind::op, line_, std::string(op)});
    pos_ += op.size();
  }

  // The end of a run of digits of the base, single underscores between them allowed.
  template <typename IsDigit>
  size_t digits(size_t pos, IsDigit is_digit_of) const {
    if (!is_digit_of(at(pos))) return pos;
    ++pos;
    while (is_digit_of(at(pos)) || (at(pos) == '_' && is_digit_of(at(pos + 1)))) ++pos;
    return pos;
  }

  void read_number() {
    const bool after_dot = pos_ > 0 && source_[pos_ - 1] == '.';
    const size_t whole = digits(pos_, ascii_digit);
    size_t end = whole;
    if (!after_dot) {
      if (at(end) == '.' && ascii_digit(at(end + 1))) end = digits(end + 1, ascii_digit);
      if ((at(end) | 32) == 'e') {
        const size_t sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
        if (ascii_digit(at(end + 1 + sign))) end = digits(end + 1 + sign, ascii_digit);
      }
    }
    if (end > whole) {
      const std::string text = without_underscores(pos_, end);
      Token token{TokenKind::real, line_, text};
      const auto result = std::from_chars(text.data(), text.data() + text.size(), token.real);
      if (result.ec == std::errc::result_out_of_range)
        token.real = std::strtod(text.c_str(), nullptr);
      tokens_.push_back(std::move(token));
      pos_ = end;
      return;
    }
    read_integer(whole);
  }

  std::string without_underscores(size_t begin, size_t end) const {
    std::string text;
    for (size_t i = begin; i < end; ++i) {
      if (source_[i] != '_') text += source_[i];
    }
    return text;
  }

  void read_integer(size_t decimal_end) {
    int base = 10;
    size_t begin = pos_;
    size_t end = decimal_end;
    if (at(pos_) == '0') {
      const char mark = static_cast<char>(at(pos_ + 1) | 32);
      const auto prefixed = [&](int b, auto is_digit_of) {
        const size_t first = pos_ + 2 + (at(pos_ + 2) == '_' ? 1 : 0);
        const size_t last = digits(first, is_digit_of);
        if (last > first) base = b, begin = first, end = last;
      };
      if (mark == 'x') {
        prefixed(16, [](char c) { return ascii_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f'); });
      } else if (mark == 'o') {
        prefixed(8, [](char c) { return c >= '0' && c <= '7'; });
      } else if (mark == 'b') {
        prefixed(2, [](char c) { return c == '0' || c == '1'; });
      }
      // Without a base, a leading zero is a number of its own: 012 reads as 0 and 12.
      if (base == 10) end = digits(pos_, [](char c) { return c == '0'; });
    }
    const std::string text = without_underscores(begin, end);
    Token token{TokenKind::integer, line_, text};
    const auto result =
        std::from_chars(text.data(), text.data() + text.size(), token.integer, base);
    if (result.ec != std::errc()) fail_at(fmt::format("the integer {} exceeds 64 bits", text));
    tokens_.push_back(std::move(token));
    pos_ = end;
  }

  size_t string_end(char quote) const {
    for (size_t pos = pos_ + 1; pos < source_.size(); ++pos) {
      if (source_[pos] == '\\') {
        ++pos;
      } else if (source_[pos] == quote) {
        return pos;
      }
    }
    return std::string::npos;
  }

  void read_string(size_t close) {
    const std::string_view content = std::string_view(source_).substr(pos_ + 1, close - pos_ - 1);
    tokens_.push_back({TokenKind::string, line_, unescaped(content)});
    advance(pos_, close + 1);
  }

  // Python's unicode-escape decoding.
  std::string unescaped(std::string_view text) const {
    std::string out;
    out.reserve(text.size());
    for (size_t pos = 0; pos < text.size();) {
      if (text[pos] != '\\') {
        out += text[pos++];
        continue;
      }
      if (++pos == text.size()) fail_at("\\ at end of string");
      const char c = text[pos++];
      switch (c) {
        case '\n':
          break;
        case '\\':
        case '\'':
        case '"':
          out += c;
          break;
        case 'a':
          out += '\a';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'n':
          out += '\n';
          break;
        case 'r':
          out += '\r';
          break;
        case 't':
          out += '\t';
          break;
        case 'v':
          out += '\v';
          break;
        case 'x':
          append_hex(out, text, pos, 2);
          break;
        case 'u':
          append_hex(out, text, pos, 4);
          break;
        case 'U':
          append_hex(out, text, pos, 8);
          break;
        case 'N':
          fail_at("character names (\\N{...}) are not supported: write \\uXXXX");
        default:
          if (c >= '0' && c <= '7') {
            char32_t code = 0;
            --pos;
            for (int n = 0; n < 3 && pos < text.size() && text[pos] >= '0' && text[pos] <= '7';
                 ++n) {
              code = code * 8 + static_cast<char32_t>(text[pos++] - '0');
            }
            append_code_point(out, code);
          } else {
            append_unknown_escape(out, text, --pos);
          }
      }
    }
    return out;
  }

  // Python spells what is not ASCII as an escape before it decodes, so that a backslash before
  // such a character escapes the new one's backslash.
  static void append_unknown_escape(std::string& out, std::string_view text, size_t& pos) {
    out += '\\';
    const char32_t c = next_code_point(text, pos);
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c < 0x100) {
      out += fmt::format("x{:02x}", static_cast<uint32_t>(c));
    } else if (c < 0x10000) {
      out += fmt::format("u{:04x}", static_cast<uint32_t>(c));
    } else {
      out += fmt::format("U{:08x}", static_cast<uint32_t>(c));
    }
  }

  void append_hex(std::string& out, std::string_view text, size_t& pos, size_t count) const {
    uint32_t code = 0;
    const std::string_view hex = text.substr(pos, count);
    const auto result = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    if (hex.size() < count || result.ec != std::errc() || result.ptr != hex.data() + hex.size()) {
      fail_at("truncated escape in a string");
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      fail_at("an escape in a string is not a Unicode character");
    }
    append_code_point(out, code);
    pos += count;
  }

  std::string source_;
  std::vector<Token> tokens_;
  size_t pos_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(normalized(source)).run(); }

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::data:
      return "template data / text";
    case TokenKind::variable_begin:
      return "begin of print statement";
    case TokenKind::variable_end:
      return "end of print statement";
    case TokenKind::block_begin:
      return "begin of statement block";
    case TokenKind::block_end:
      return "end of statement block";
    case TokenKind::string:
      return "string";
    case TokenKind::integer:
      return "integer";
    case TokenKind::real:
      return "float";
    case TokenKind::end:
      return "end of template";
    case TokenKind::name:
    case TokenKind::op:
      return token.text;
  }
  return {};
}

}  // namespace tarn::text::jinja
