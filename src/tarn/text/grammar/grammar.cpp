#include "tarn/text/grammar/grammar.h"

#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/automaton.h"
#include "tarn/text/grammar/gbnf.h"
#include "tarn/text/grammar/json_rules.h"
#include "tarn/text/grammar/limits.h"
#include "tarn/text/grammar/regex_rules.h"
#include "tarn/text/grammar/runner.h"
#include "tarn/text/grammar/schema_rules.h"

namespace tarn::text {

using grammar::Expressions;

namespace {

void check_size(std::string_view source, const char* what) {
  if (source.size() > grammar::kMaxSourceBytes) {
    fail(ErrorCode::unsupported, "{}: {} bytes; at most {} are read", what, source.size(),
         grammar::kMaxSourceBytes);
  }
}

}  // namespace

Grammar::Grammar(grammar::Automaton automaton)
    : automaton_(std::make_shared<const grammar::Automaton>(std::move(automaton))) {}

Grammar Grammar::from_gbnf(std::string_view text, std::string_view root) {
  check_size(text, "grammar");
  Expressions expressions;
  const grammar::Rule rule = grammar::add_gbnf(text, root, expressions);
  return Grammar(grammar::compile(expressions, rule));
}

Grammar Grammar::from_regex(std::string_view pattern) {
  check_size(pattern, "pattern");
  Expressions expressions;
  const grammar::Rule rule = expressions.add_rule("pattern");
  expressions.define(rule, grammar::whole_match(pattern, expressions));
  return Grammar(grammar::compile(expressions, rule));
}

Grammar Grammar::json_object() {
  Expressions expressions;
  grammar::JsonRules rules(expressions);
  return Grammar(grammar::compile(expressions, rules.any_object()));
}

Grammar Grammar::json_value() {
  Expressions expressions;
  grammar::JsonRules rules(expressions);
  return Grammar(grammar::compile(expressions, rules.any_value()));
}

Grammar Grammar::from_json_schema(std::string_view schema) {
  check_size(schema, "schema");
  return from_parsed_schema(parse_ordered_json(schema, "schema", grammar::kMaxSchemaDepth));
}

Grammar Grammar::from_parsed_schema(const ordered_json& schema) {
  Expressions expressions;
  const grammar::Rule rule = grammar::add_schema(schema, expressions);
  return Grammar(grammar::compile(expressions, rule));
}

Grammar Grammar::from_expressions(const Expressions& expressions, uint32_t root) {
  return Grammar(grammar::compile(expressions, root));
}

bool Grammar::matches(std::string_view text) const {
  grammar::Runner runner(*automaton_);
  grammar::Position at;
  grammar::Position next;
  runner.start(automaton_->start(), at);
  for (const char c : text) {
    runner.allow(grammar::kMaxTokenSteps);
    runner.advance(at, static_cast<uint8_t>(c), next);
    if (!next.alive()) return false;
    std::swap(at, next);
    runner.compact(at);
  }
  return at.ended;
}

}  // namespace tarn::text
