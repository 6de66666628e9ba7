#include "tarn/text/grammar/json_rules.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "tarn/text/grammar/limits.h"

namespace tarn::text::grammar {
namespace {

constexpr uint32_t kMaxIndent = 20;

CharSet digits(char32_t first = '0') { return CharSet{{first, '9'}}; }

const CharSet& plain_chars() {
  static const CharSet set = [] {
    CharSet special{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
    return special.negated();
  }();
  return set;
}

const char* short_escape(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return nullptr;
  }
}

}  // namespace

Expr JsonRules::space() {
  if (!space_) {
    const Expr lines = out_.repeat(out_.literal("\n"), 1, 2);
    const Expr indent = out_.repeat(out_.chars(CharSet{{' ', ' '}, {'\t', '\t'}}), 0, kMaxIndent);
    const Expr some = out_.choice({out_.literal(" "), out_.sequence({lines, indent})});
    space_ = out_.optional(some);
  }
  return *space_;
}

Expr JsonRules::element(Expr value, bool first) {
  return first ? value : out_.sequence({out_.literal(","), space(), value});
}

Expr JsonRules::member(Expr key, Expr value, bool first) {
  return element(out_.sequence({key, out_.literal(":"), space(), value}), first);
}

Expr JsonRules::enclosed(char open, Expr content, char close) {
  return out_.sequence(
      {out_.literal({&open, 1}), space(), content, space(), out_.literal({&close, 1})});
}

Rule JsonRules::any_value() {
  if (!value_) {
    value_ = out_.add_rule("JSON value", true);
    out_.define(*value_, out_.choice({out_.call(any_object()), out_.call(any_array()),
                                      out_.call(any_string()), any_number(), boolean(),
                                      out_.literal("null")}));
  }
  return *value_;
}

Rule JsonRules::any_object() {
  if (!object_) {
    object_ = out_.add_rule("JSON object", true);
    const Expr key = out_.call(any_string());
    const Expr value = out_.call(any_value());
    const Expr more = out_.repeat(member(key, value, false), 0, kUnbounded);
    const Expr members = out_.optional(out_.sequence({member(key, value, true), more}));
    out_.define(*object_, enclosed('{', members, '}'));
  }
  return *object_;
}

Rule JsonRules::any_array() {
  if (!array_) {
    array_ = out_.add_rule("JSON array", true);
    const Expr value = out_.call(any_value());
    const Expr more = out_.repeat(element(value, false), 0, kUnbounded);
    const Expr items = out_.optional(out_.sequence({value, more}));
    out_.define(*array_, enclosed('[', items, ']'));
  }
  return *array_;
}

Rule JsonRules::any_string() {
  if (!string_) {
    string_ = out_.add_rule("JSON string", true);
    out_.define(*string_, quoted(out_.repeat(any_char(), 0, kUnbounded)));
  }
  return *string_;
}

Expr JsonRules::any_number() {
  const Expr whole = out_.choice(
      {out_.literal("0"),
       out_.sequence({out_.chars(digits('1')), out_.repeat(out_.chars(digits()), 0, 17)})});
  const Expr fraction =
      out_.sequence({out_.literal("."), out_.repeat(out_.chars(digits()), 1, 17)});
  const Expr sign = out_.optional(out_.chars(CharSet{{'+', '+'}, {'-', '-'}}));
  const Expr exponent = out_.sequence(
      {out_.chars(CharSet{{'E', 'E'}, {'e', 'e'}}), sign, out_.repeat(out_.chars(digits()), 1, 2)});
  return out_.sequence(
      {out_.optional(out_.literal("-")), whole, out_.optional(fraction), out_.optional(exponent)});
}

Expr JsonRules::boolean() { return out_.choice({out_.literal("true"), out_.literal("false")}); }

Expr JsonRules::any_char() {
  if (!any_char_) {
    const CharSet hex{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
    const auto hexes = [&](uint32_t n) { return out_.repeat(out_.chars(hex), n, n); };
    const CharSet not_d{{'0', '9'}, {'A', 'C'}, {'E', 'F'}, {'a', 'c'}, {'e', 'f'}};
    const Expr d = out_.chars(CharSet{{'D', 'D'}, {'d', 'd'}});
    const Expr high = out_.chars(CharSet{{'8', '9'}, {'A', 'B'}, {'a', 'b'}});
    const Expr low = out_.chars(CharSet{{'C', 'F'}, {'c', 'f'}});
    // \uD800-\uDBFF must be followed by \uDC00-\uDFFF.
    const Expr unit =
        out_.choice({out_.sequence({out_.chars(not_d), hexes(3)}),
                     out_.sequence({d, out_.chars(CharSet{{'0', '7'}}), hexes(2)}),
                     out_.sequence({d, high, hexes(2), out_.literal("\\u"), d, low, hexes(2)})});
    CharSet letters;
    for (const char c : std::string_view("\"\\/bfnrt")) letters.add(static_cast<char32_t>(c));
    const Expr escape =
        out_.choice({out_.chars(letters), out_.sequence({out_.literal("u"), unit})});
    any_char_ =
        out_.choice({out_.chars(plain_chars()), out_.sequence({out_.literal("\\"), escape})});
  }
  return *any_char_;
}

Expr JsonRules::chars(const CharSet& set) {
  std::vector<std::pair<char32_t, char32_t>> key;
  for (const CharSet::Range& range : set.ranges()) key.emplace_back(range.first, range.last);
  const auto known = chars_.find(key);
  if (known != chars_.end()) return known->second;
  std::vector<Expr> ways;
  const CharSet plain = set.intersected(plain_chars());
  if (!plain.empty()) ways.push_back(out_.chars(plain));
  for (char32_t c = 0; c <= '\\'; ++c) {
    if (!set.contains(c) || plain.contains(c)) continue;
    const char* escape = short_escape(c);
    ways.push_back(escape != nullptr
                       ? out_.literal(escape)
                       : out_.literal(fmt::format("\\u{:04x}", static_cast<uint32_t>(c))));
  }
  const Expr made = out_.choice(std::move(ways));
  chars_.emplace(std::move(key), made);
  return made;
}

Expr JsonRules::quoted(Expr content) {
  return out_.sequence({out_.literal("\""), content, out_.literal("\"")});
}

Expr JsonRules::string(std::string_view text) {
  std::string written = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (const char* escape = short_escape(byte)) {
      written += escape;
    } else if (byte < 0x20) {
      written += fmt::format("\\u{:04x}", byte);
    } else {
      written += c;
    }
  }
  written += '"';
  return out_.literal(written);
}

Expr JsonRules::value(const ordered_json& value) {
  if (value.is_string()) return string(value.get_ref<const std::string&>());
  if (!value.is_structured()) return out_.literal(value.dump());
  std::vector<Expr> parts;
  if (value.is_array()) {
    for (const ordered_json& item : value) {
      parts.push_back(element(this->value(item), parts.empty()));
    }
    return enclosed('[', out_.sequence(std::move(parts)), ']');
  }
  for (const auto& [key, item] : value.items()) {
    parts.push_back(member(string(key), this->value(item), parts.empty()));
  }
  return enclosed('{', out_.sequence(std::move(parts)), '}');
}

}  // namespace tarn::text::grammar
