#include "tarn/text/grammar/schema_rules.h"

#include <algorithm>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/schema_writer.h"

namespace tarn::text::grammar {

Rule add_schema(const ordered_json& schema, Expressions& expressions) {
  SchemaWriter writer(schema, expressions);
  const Rule root = writer.rule_of({SchemaRef{&schema, ""}});
  writer.run();
  return root;
}

Rule SchemaWriter::rule_of(const SchemaRefs& schemas) {
  std::vector<const ordered_json*> key;
  for (const SchemaRef& schema : schemas) {
    if (*schema.node != true) key.push_back(schema.node);
  }
  if (key.empty()) return json_.any_value();
  std::sort(key.begin(), key.end());
  key.erase(std::unique(key.begin(), key.end()), key.end());
  const auto [it, fresh] = rules_.try_emplace(std::move(key), 0);
  if (fresh) {
    it->second = out_.add_rule("#" + schemas.front().pointer);
    pending_.emplace_back(it->second, schemas);
  }
  return it->second;
}

void SchemaWriter::run() {
  while (!pending_.empty()) {
    const auto [rule, schemas] = std::move(pending_.back());
    pending_.pop_back();
    std::vector<Expr> ways;
    for (const Constraints& c : reader_.read(schemas)) ways.push_back(branch(c));
    out_.define(rule, out_.choice(std::move(ways)));
  }
}

Expr SchemaWriter::branch(const Constraints& c) {
  std::vector<Expr> ways;
  if (c.values) {
    for (const ordered_json* value : *c.values) ways.push_back(json_.value(*value));
    return out_.choice(std::move(ways));
  }
  if (c.types == kAnyType && c.plain_string() && c.plain_array() && c.plain_object() &&
      c.numbers.unbounded()) {
    return out_.call(json_.any_value());
  }
  if ((c.types & kObject) != 0) ways.push_back(object(c));
  if ((c.types & kArray) != 0) ways.push_back(array(c));
  if ((c.types & kString) != 0) ways.push_back(string(c));
  if ((c.types & (kInteger | kFraction)) != 0) ways.push_back(number(c));
  if ((c.types & kBoolean) != 0) ways.push_back(json_.boolean());
  if ((c.types & kNull) != 0) ways.push_back(out_.literal("null"));
  return out_.choice(std::move(ways));
}

Expr SchemaWriter::digits(const CharDfa& dfa) {
  return dfa_expr(
      dfa, [this](const CharSet& set) { return out_.chars(set); }, out_);
}

Expr SchemaWriter::number(const Constraints& c) {
  const bool fractions = (c.types & kFraction) != 0;
  if ((c.types & kInteger) == 0) {
    fail_at(c.pointer, "", ErrorCode::unsupported,
            "numbers that are not whole cannot be asked for alone");
  }
  if (fractions && c.numbers.unbounded()) return json_.any_number();
  try {
    return digits(fractions ? number_numerals(c.numbers) : integer_numerals(c.numbers));
  } catch (const Error& error) {
    fail_at(c.pointer, c.numbers.multiples.empty() ? "" : "multipleOf", error.code(), error.what());
  }
}

Expr SchemaWriter::quoted_dfa(const CharDfa& dfa, const std::string& name) {
  // A rule of its own: many members or items may call it.
  const Rule rule = out_.add_rule(name);
  out_.define(rule, json_.quoted(dfa_expr(dfa, write_, out_)));
  return out_.call(rule);
}

Expr SchemaWriter::string(const Constraints& c) {
  if (c.plain_string()) return out_.call(json_.any_string());
  const bool any_length = c.min_length == 0 && c.max_length == kUnbounded;
  if (c.patterns.empty()) {
    return json_.quoted(out_.repeat(json_.any_char(), c.min_length, c.max_length));
  }
  if (any_length && c.patterns.size() == 1) {
    const StringPattern& pattern = c.patterns.front();
    try {
      return json_.quoted(regex_expr(pattern.regex, pattern.search, write_, out_));
    } catch (const Error& error) {
      fail_at(pattern.pointer, "", error.code(), error.what());
    }
  }
  try {
    return json_.quoted(dfa_expr(string_language(c), write_, out_));
  } catch (const Error& error) {
    fail_at(c.pointer, "", error.code(), error.what());
  }
}

Expr SchemaWriter::array(const Constraints& c) {
  if (c.plain_array()) return out_.call(json_.any_array());
  size_t fixed = 0;
  for (const ArrayShape& shape : c.arrays) fixed = std::max(fixed, shape.prefix.size());
  if (c.max_items != kUnbounded) fixed = std::min<size_t>(fixed, c.max_items);
  const auto before = static_cast<uint32_t>(fixed);
  const uint32_t min = c.min_items > before ? c.min_items - before : 0;
  const uint32_t max = c.max_items == kUnbounded ? kUnbounded : c.max_items - before;
  // From the back: what may follow `i` items, where the array may end or go on.
  const Expr item = out_.call(rule_of(schemas_of_item(c, fixed)));
  Expr rest = out_.empty();
  if (max > 0 && before > 0) {
    rest = out_.repeat(json_.element(item, false), min, max);
  } else if (max > 0) {
    const uint32_t more = min > 0 ? min - 1 : 0;
    rest = out_.sequence(
        {item, out_.repeat(json_.element(item, false), more, max == kUnbounded ? max : max - 1)});
    if (min == 0) rest = out_.optional(rest);
  }
  for (size_t i = fixed; i-- > 0;) {
    const Expr one = json_.element(out_.call(rule_of(schemas_of_item(c, i))), i == 0);
    rest = out_.sequence({one, rest});
    if (i >= c.min_items) rest = out_.optional(rest);
  }
  return json_.enclosed('[', rest, ']');
}

}  // namespace tarn::text::grammar
