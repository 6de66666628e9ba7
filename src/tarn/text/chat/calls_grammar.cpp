#include "tarn/text/chat/calls_grammar.h"

#include <algorithm>
#include <set>

#include "tarn/base/error.h"
#include "tarn/text/grammar/json_rules.h"
#include "tarn/text/grammar/schema_rules.h"

namespace tarn::text {
namespace {

using grammar::CharSet;
using grammar::Expr;
using grammar::Expressions;
using grammar::Graph;

// Any text that does not hold `end`, which is ASCII: the automaton of Knuth, Morris and Pratt
// without its last state.
Expr text_without(Expressions& out, const std::string& end) {
  const auto next_state = [&](size_t state, char c) {
    std::string seen = end.substr(0, state) + c;
    while (!end.starts_with(seen)) seen.erase(0, 1);
    return seen.size();
  };
  const std::set<char> letters(end.begin(), end.end());
  const auto one = [](char c) {
    return CharSet{{static_cast<char32_t>(c), static_cast<char32_t>(c)}};
  };
  CharSet known;
  for (const char c : letters) known.add(one(c));
  const CharSet others = known.negated();
  Graph graph;
  while (graph.nodes < end.size()) graph.add_node();
  for (uint32_t state = 0; state < graph.nodes; ++state) {
    graph.accepting.push_back(state);
    graph.add_edge(state, 0, out.chars(others));
    for (const char c : letters) {
      const size_t to = next_state(state, c);
      if (to == end.size()) continue;
      graph.add_edge(state, static_cast<uint32_t>(to), out.chars(one(c)));
    }
  }
  return out.graph(std::move(graph));
}

class CallsBuilder {
 public:
  CallsBuilder(const ToolEnvelope& envelope, Expressions& out) : envelope_(envelope), out_(out) {}

  Expr call(const ordered_json& tool) {
    const ordered_json& function = tool.contains("function") ? tool["function"] : tool;
    const auto name = function.at("name").get<std::string>();
    ordered_json schema = function.value("parameters", ordered_json::object());
    if (!schema.is_object() && !schema.is_null()) {
      fail(ErrorCode::invalid_argument, "tool \"{}\": its parameters are {}, and must be a schema",
           name, schema.type_name());
    }
    if (!schema.contains("type")) schema["type"] = "object";
    try {
      return out_.sequence({out_.literal(envelope_.before_name), out_.literal(name),
                            out_.literal(envelope_.before_arguments), arguments(schema),
                            out_.literal(envelope_.after_arguments)});
    } catch (const Error& error) {
      fail(error.code(), "tool \"{}\": {}", name, error.what());
    }
  }

 private:
  using Arguments = ToolEnvelope::Arguments;

  Expr arguments(const ordered_json& schema) {
    switch (envelope_.arguments) {
      case Arguments::json:
        return out_.call(grammar::add_schema(schema, out_));
      case Arguments::xml:
        return each_parameter(schema, "");
      case Arguments::python:
        return each_parameter(schema, ", ");
      default:
        fail(ErrorCode::unsupported,
             "calls cannot be forced in the notation of this model; use tool_choice \"auto\"");
    }
  }

  // A keyword's value, which has the type of `otherwise`.
  static ordered_json part(const ordered_json& schema, const char* key, ordered_json otherwise) {
    if (!schema.contains(key)) return otherwise;
    if (schema[key].type() != otherwise.type()) {
      fail(ErrorCode::invalid_argument, "schema: \"{}\" is {}, and must be {}", key,
           schema[key].type_name(), otherwise.type_name());
    }
    return schema[key];
  }

  // In the order of the schema; those that are not required may be missing. `separator` stands
  // between two: optional ones then come in every combination.
  Expr each_parameter(const ordered_json& schema, const std::string& separator) {
    const ordered_json required = part(schema, "required", ordered_json::array());
    const auto is_required = [&](const std::string& key) {
      return std::find(required.begin(), required.end(), key) != required.end();
    };
    const ordered_json properties = part(schema, "properties", ordered_json::object());
    // `first` and `later`: what may follow before and after the first parameter.
    Expr first = out_.empty(), later = out_.empty();
    std::vector<std::string> keys;
    for (const auto& [key, value] : properties.items()) keys.push_back(key);
    for (size_t i = keys.size(); i-- > 0;) {
      ordered_json one = properties[keys[i]];
      for (const char* shared : {"$defs", "definitions"}) {
        if (schema.contains(shared) && one.is_object()) one[shared] = schema[shared];
      }
      const Expr value = parameter(keys[i], one);
      const Expr as_first = out_.sequence({value, later});
      const Expr as_later = out_.sequence({out_.literal(separator), value, later});
      const bool needed = is_required(keys[i]);
      first = needed ? as_first : out_.choice({as_first, first});
      later = needed ? as_later : out_.choice({as_later, later});
      // Alternatives would grow with each other without a rule of their own.
      first = as_rule(first);
      later = as_rule(later);
    }
    return first;
  }

  Expr as_rule(Expr body) {
    const grammar::Rule rule = out_.add_rule("parameters");
    out_.define(rule, body);
    return out_.call(rule);
  }

  Expr parameter(const std::string& key, const ordered_json& schema) {
    if (envelope_.arguments == Arguments::python) {
      return out_.sequence({out_.literal(key + "="), out_.call(grammar::add_schema(schema, out_))});
    }
    const bool text = schema.is_object() && schema.value("type", ordered_json()) == "string";
    return out_.sequence({out_.literal(envelope_.before_key), out_.literal(key),
                          out_.literal(text ? envelope_.before_value : envelope_.before_json_value),
                          text ? text_value(schema) : out_.call(grammar::add_schema(schema, out_)),
                          out_.literal(envelope_.after_value)});
  }

  Expr text_value(const ordered_json& schema) {
    std::vector<Expr> values;
    if (schema.contains("const")) values.push_back(text_literal(schema["const"]));
    for (const ordered_json& one : part(schema, "enum", ordered_json::array())) {
      values.push_back(text_literal(one));
    }
    if (!values.empty()) return out_.choice(std::move(values));
    return text_without(out_, envelope_.after_value);
  }
  Expr text_literal(const ordered_json& value) {
    return value.is_string() ? out_.literal(value.get<std::string>()) : out_.nothing();
  }

  const ToolEnvelope& envelope_;
  Expressions& out_;
};

}  // namespace

Grammar calls_grammar(const ToolEnvelope& envelope, const ordered_json& tools, int most) {
  Expressions expressions;
  CallsBuilder builder(envelope, expressions);
  std::vector<Expr> calls;
  for (const ordered_json& tool : tools) calls.push_back(builder.call(tool));
  const grammar::Rule call = expressions.add_rule("call");
  expressions.define(call, expressions.choice(std::move(calls)));
  const auto more = static_cast<uint32_t>(envelope.parallel ? std::max(1, most) - 1 : 0);
  const Expr others = expressions.repeat(
      expressions.sequence({expressions.literal(envelope.separator), expressions.call(call)}), 0,
      more);
  const grammar::Rule root = expressions.add_rule("root");
  expressions.define(
      root, expressions.sequence({expressions.literal(envelope.begin), expressions.call(call),
                                  others, expressions.literal(envelope.end)}));
  return Grammar::from_expressions(expressions, root);
}

}  // namespace tarn::text
