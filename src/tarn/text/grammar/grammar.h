// Context-free grammars over bytes, compiled: what structured output is made to follow.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tarn/base/json.h"

namespace tarn::text {

namespace grammar {
class Automaton;
class Expressions;
}  // namespace grammar

// Immutable, cheap to copy, safe to use from several threads. A grammar always matches some text,
// and every text that may begin one of its texts can be completed. docs/grammars.md says what each
// front end understands.
//
// Sources that are malformed are ErrorCode::invalid_argument; what cannot be honoured, and what is
// larger than the limits of grammar/limits.h, is ErrorCode::unsupported.
class Grammar {
 public:
  // llama.cpp's grammar language. Errors name line and column.
  static Grammar from_gbnf(std::string_view text, std::string_view root = "root");
  // The texts that the whole of an ECMA 262 regular expression matches.
  static Grammar from_regex(std::string_view pattern);
  // One JSON object, or one JSON value, of any content.
  static Grammar json_object();
  static Grammar json_value();
  // JSON texts that are valid against the schema. Errors name the keyword and where it stands, as a
  // JSON pointer. Members are written in the order of the schema's `properties`.
  static Grammar from_json_schema(std::string_view schema);
  static Grammar from_parsed_schema(const ordered_json& schema);

  // Of rules that were put together by hand (grammar/expressions.h).
  static Grammar from_expressions(const grammar::Expressions& expressions, uint32_t root);

  // Whether the whole text follows the grammar.
  bool matches(std::string_view text) const;

  const grammar::Automaton& automaton() const { return *automaton_; }

 private:
  explicit Grammar(grammar::Automaton automaton);
  std::shared_ptr<const grammar::Automaton> automaton_;
};

}  // namespace tarn::text
