// Objects: declared members in order, then others, with commas between them and counts kept.
#include <algorithm>
#include <set>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/schema_writer.h"

namespace tarn::text::grammar {
namespace {

constexpr size_t kMaxKeyPatterns = 5;          // every combination of them is looked at
constexpr uint64_t kMaxMemberStates = 20'000;  // declared members times counts

}  // namespace

// Whether one of the schemas is `false`: the member must not be there.
bool SchemaWriter::forbidden(const SchemaRefs& schemas) {
  return std::any_of(schemas.begin(), schemas.end(),
                     [](const SchemaRef& schema) { return *schema.node == false; });
}

std::vector<SchemaWriter::Member> SchemaWriter::declared_members(const Constraints& c,
                                                                 const KeyPatterns& patterns,
                                                                 std::vector<std::string>& keys) {
  std::set<std::string> known;
  for (const ObjectShape& shape : c.objects) {
    for (const auto& property : shape.properties) {
      if (known.insert(property.first).second) keys.push_back(property.first);
    }
  }
  for (const std::string& key : c.required) {
    if (known.insert(key).second) keys.push_back(key);
  }
  const std::set<std::string> required(c.required.begin(), c.required.end());
  std::vector<Member> out;
  for (const std::string& key : keys) {
    const SchemaRefs schemas = schemas_of_property(c, key, patterns);
    const bool allowed = !forbidden(schemas) && reader_.valid(ordered_json(key), c.property_names);
    if (!allowed && !required.contains(key)) continue;
    const Expr value = allowed ? out_.call(rule_of(schemas)) : out_.nothing();
    out.push_back({json_.string(key), value, required.contains(key)});
  }
  return out;
}

// Keys that are not declared, by the patterns that they match. Their values differ, so each
// combination of patterns is a kind of member of its own.
std::vector<SchemaWriter::Member> SchemaWriter::other_members(
    const Constraints& c, const KeyPatterns& patterns, const std::vector<std::string>& declared) {
  if (patterns.size() > kMaxKeyPatterns) {
    fail_at(c.pointer, "patternProperties", ErrorCode::unsupported,
            fmt::format("more than {} patterns for one object", kMaxKeyPatterns));
  }
  std::optional<CharDfa> names;  // that propertyNames admits
  if (!c.property_names.empty()) {
    CharDfa all = CharDfa::of_strings({});
    for (const Constraints& branch : reader_.read(c.property_names)) {
      if ((branch.types & kString) == 0) continue;
      CharDfa one = string_language(branch);
      if (branch.values) {
        std::vector<std::string> values;
        for (const ordered_json* value : *branch.values) {
          if (value->is_string()) values.push_back(value->get<std::string>());
        }
        one = CharDfa::of_strings(values);
      }
      all = all.complement().intersected(one.complement()).complement();
    }
    names = std::move(all);
  }
  std::vector<Member> out;
  for (size_t chosen = 0; chosen < size_t{1} << patterns.size(); ++chosen) {
    const auto matches = [&](const std::string& pattern) {
      return (chosen >> patterns.index(pattern) & 1U) != 0;
    };
    SchemaRefs schemas;
    for (const ObjectShape& shape : c.objects) {
      bool covered = false;
      for (const auto& [pattern, schema] : shape.patterns) {
        if (!matches(pattern)) continue;
        schemas.push_back(schema);
        covered = true;
      }
      if (!covered && shape.additional) schemas.push_back(*shape.additional);
    }
    if (forbidden(schemas)) continue;
    const Expr value = out_.call(rule_of(schemas));
    if (patterns.size() == 0 && declared.empty() && !names) {
      out.push_back({out_.call(json_.any_string()), value, false});
      continue;
    }
    CharDfa keys = CharDfa::of_strings(declared).complement();
    if (names) keys = keys.intersected(*names);
    for (size_t i = 0; i < patterns.size(); ++i) {
      const CharDfa& language = patterns.language(i);
      keys = keys.intersected((chosen >> i & 1U) != 0 ? language : language.complement());
    }
    if (!keys.empty()) out.push_back({quoted_dfa(keys, "#" + c.pointer + " (key)"), value, false});
  }
  return out;
}

Expr SchemaWriter::object(const Constraints& c) {
  if (c.plain_object()) return out_.call(json_.any_object());
  try {
    const KeyPatterns patterns(c);
    std::vector<std::string> keys;
    const std::vector<Member> declared = declared_members(c, patterns, keys);
    const std::vector<Member> others = other_members(c, patterns, keys);
    return json_.enclosed('{', members(c, declared, others), '}');
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with("schema: ")) throw;
    fail_at(c.pointer, "", error.code(), error.what());
  }
}

Expr SchemaWriter::members(const Constraints& c, const std::vector<Member>& declared,
                           const std::vector<Member>& others) {
  const uint32_t min = c.min_properties;
  const bool bounded = c.max_properties != kUnbounded;
  const auto count = static_cast<uint32_t>(declared.size());
  // Keys that are not declared may repeat, and then count once: of those, one alone is certain to
  // add to the minimum.
  if (min > count + 1 && !others.empty()) {
    fail_at(c.pointer, "minProperties", ErrorCode::unsupported,
            "a grammar cannot tell keys apart: declare as many properties, less one");
  }
  // Members are counted as far as makes a difference; 1 tells whether a comma is due.
  const uint32_t top = std::max({1U, std::min(min, count + 1), bounded ? c.max_properties : 0U});
  if ((uint64_t{count} + 2) * (uint64_t{top} + 1) > kMaxMemberStates) {
    fail_at(c.pointer, bounded ? "maxProperties" : "minProperties", ErrorCode::unsupported,
            "counting so many properties takes too many states");
  }
  const auto full = [&](uint32_t n) { return bounded && n == c.max_properties; };
  const auto next = [&](uint32_t n) { return std::min(n + 1, top); };
  Graph graph;
  const uint32_t row = top + 1;
  graph.nodes = (count + 2) * row;  // (declared members passed, count); the last row: others came
  const auto node = [&](uint32_t i, uint32_t n) { return i * row + n; };
  const auto add_member = [&](uint32_t from, uint32_t to, const Member& member, bool first) {
    graph.add_edge(from, to, json_.member(member.key, member.value, first));
  };
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t n = 0; n <= std::min(i, top); ++n) {
      if (!full(n)) add_member(node(i, n), node(i + 1, next(n)), declared[i], n == 0);
      if (!declared[i].required) graph.add_edge(node(i, n), node(i + 1, n), out_.empty());
    }
  }
  for (uint32_t n = 0; n <= top; ++n) {
    if (n >= min) graph.accepting.push_back(node(count, n));
    graph.accepting.push_back(node(count + 1, n));
    if (full(n)) continue;
    for (const Member& other : others) {
      if (n + 1 >= min) add_member(node(count, n), node(count + 1, next(n)), other, n == 0);
      if (n > 0) add_member(node(count + 1, n), node(count + 1, next(n)), other, false);
    }
  }
  return out_.graph(std::move(graph));
}

}  // namespace tarn::text::grammar
