// JSON as rules of a grammar. White space is bounded, so that no text goes on for ever without
// saying anything: between tokens there is nothing, a space, or a line's end and an indentation.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "tarn/base/json.h"
#include "tarn/text/grammar/expressions.h"

namespace tarn::text::grammar {

// Makes each rule once, when it is first asked for.
class JsonRules {
 public:
  explicit JsonRules(Expressions& out) : out_(out) {}

  Expr space();
  Rule any_value();
  Rule any_object();
  Rule any_array();
  Rule any_string();
  Expr any_number();  // finite as a double: 18 digits before the point, exponents of two digits
  Expr boolean();
  // A character within a string, written in any way that JSON has for it.
  Expr any_char();
  // A character of `set` within a string, escaped only where it must be: what differs as text
  // differs as a value.
  Expr chars(const CharSet& set);
  Expr quoted(Expr content);
  // That value and no other, compact or with spaces; strings are escaped only where they must be.
  Expr value(const ordered_json& value);
  Expr string(std::string_view text);  // valid UTF-8

  Expr element(Expr value, bool first);                // of an array; with the comma before it
  Expr member(Expr key, Expr value, bool first);       // of an object; with the comma before it
  Expr enclosed(char open, Expr content, char close);  // spaces within

 private:
  Expressions& out_;
  std::optional<Expr> space_;
  std::optional<Rule> value_;
  std::optional<Rule> object_;
  std::optional<Rule> array_;
  std::optional<Rule> string_;
  std::optional<Expr> any_char_;
  std::map<std::vector<std::pair<char32_t, char32_t>>, Expr> chars_;
};

}  // namespace tarn::text::grammar
