// From template text to tokens: Jinja 3.1 with trim_blocks and lstrip_blocks, as transformers sets
// it up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::text::jinja {

enum class TokenKind : uint8_t {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  op,  // an operator or a parenthesis; Token::text spells it
  end,
};

struct Token {
  TokenKind kind;
  int line;
  std::string text;  // of names and operators; the unescaped content of strings and data
  int64_t integer = 0;
  double real = 0;
};

// Throws SyntaxError. `source` is valid UTF-8. The last token is `end`.
std::vector<Token> tokenize(std::string_view source);

// How messages name a token.
std::string describe(const Token& token);

}  // namespace tarn::text::jinja
