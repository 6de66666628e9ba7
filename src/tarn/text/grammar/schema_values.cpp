// What SchemaReader says about values: whether one fits, and whether two descriptions can share
// any.
#include <algorithm>
#include <optional>

#include "tarn/base/error.h"
#include "tarn/text/grammar/schema_reader.h"
#include "tarn/text/unicode.h"

namespace tarn::text::grammar {
namespace {

constexpr int kMaxDepth = 24;

bool fits_number(const ordered_json& value, const Constraints& c) {
  if (c.numbers.unbounded()) return true;
  const auto decimal = Decimal::from_json(value);
  if (!decimal) return false;
  const auto& [lower, upper, multiples] = c.numbers;
  if (lower && compare(*decimal, lower->value) < (lower->exclusive ? 1 : 0)) return false;
  if (upper && compare(*decimal, upper->value) > (upper->exclusive ? -1 : 0)) return false;
  if (multiples.empty()) return true;
  NumberRange exact{Bound{*decimal, false}, Bound{*decimal, false}, multiples};
  return !number_numerals(exact).empty();
}

bool fits_string(const std::string& text, const Constraints& c) {
  const size_t length = count_chars(text);
  return length >= c.min_length && length <= c.max_length &&
         std::all_of(c.patterns.begin(), c.patterns.end(), [&](const StringPattern& pattern) {
           return (pattern.search ? CharDfa::search(pattern.regex) : CharDfa::whole(pattern.regex))
               .accepts(text);
         });
}

bool overlap(uint32_t min_a, uint32_t max_a, uint32_t min_b, uint32_t max_b) {
  return std::max(min_a, min_b) <= std::min(max_a, max_b);
}

bool disjoint_numbers(const Constraints& a, const Constraints& b) {
  const auto above = [](const std::optional<Bound>& lower, const std::optional<Bound>& upper) {
    if (!lower || !upper) return false;
    const int order = compare(lower->value, upper->value);
    return order > 0 || (order == 0 && (lower->exclusive || upper->exclusive));
  };
  return above(a.numbers.lower, b.numbers.upper) || above(b.numbers.lower, a.numbers.upper);
}

bool disjoint_strings(const Constraints& a, const Constraints& b) {
  if (!overlap(a.min_length, a.max_length, b.min_length, b.max_length)) return true;
  if (a.patterns.empty() || b.patterns.empty()) return false;
  try {
    return string_language(a).intersected(string_language(b)).empty();
  } catch (const Error&) {
    return false;  // too large to tell
  }
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

CharDfa string_language(const Constraints& c) {
  std::optional<CharDfa> out;
  if (c.min_length > 0 || c.max_length != kUnbounded) {
    out = CharDfa::of_length(c.min_length, c.max_length);
  }
  for (const StringPattern& pattern : c.patterns) {
    try {
      CharDfa one = pattern.search ? CharDfa::search(pattern.regex) : CharDfa::whole(pattern.regex);
      out = out ? out->intersected(one) : std::move(one);
    } catch (const Error& error) {
      fail_at(pattern.pointer, "", error.code(), error.what());
    }
  }
  return out ? std::move(*out) : CharDfa::of_length(0, kUnbounded);
}

bool SchemaReader::valid(const ordered_json& value, const SchemaRefs& schemas, int depth) {
  if (schemas.empty()) return true;
  if (depth > kMaxDepth) {
    fail_at(schemas.front().pointer, "", ErrorCode::unsupported,
            "values of enum or const are nested too deep to be checked");
  }
  const Branches branches = read(schemas, depth);
  return std::any_of(branches.begin(), branches.end(),
                     [&](const Constraints& branch) { return valid(value, branch, depth + 1); });
}

bool SchemaReader::valid(const ordered_json& value, const Constraints& c, int depth) {
  spend();
  if ((type_of(value) & c.types) == 0) return false;
  if (c.values && std::none_of(c.values->begin(), c.values->end(),
                               [&](const ordered_json* one) { return equal(*one, value); })) {
    return false;
  }
  if (value.is_number()) return fits_number(value, c);
  if (value.is_string()) return fits_string(value.get_ref<const std::string&>(), c);
  if (value.is_array()) {
    if (value.size() < c.min_items || value.size() > c.max_items) return false;
    for (size_t i = 0; i < value.size(); ++i) {
      if (!valid(value[i], schemas_of_item(c, i), depth + 1)) return false;
    }
  }
  if (value.is_object()) {
    if (value.size() < c.min_properties || value.size() > c.max_properties) return false;
    for (const std::string& key : c.required) {
      if (!value.contains(key)) return false;
    }
    const KeyPatterns patterns(c);
    for (const auto& [key, member] : value.items()) {
      if (!valid(ordered_json(key), c.property_names, depth + 1)) return false;
      if (!valid(member, schemas_of_property(c, key, patterns), depth + 1)) return false;
    }
  }
  return true;
}

bool SchemaReader::disjoint(const Branches& a, const Branches& b, int depth) {
  return std::all_of(a.begin(), a.end(), [&](const Constraints& x) {
    return std::all_of(b.begin(), b.end(),
                       [&](const Constraints& y) { return disjoint(x, y, depth); });
  });
}

bool SchemaReader::disjoint(const Constraints& a, const Constraints& b, int depth) {
  spend();
  const uint32_t types = a.types & b.types;
  if (types == 0) return true;
  // The values of either have been checked against the rest of it.
  if (a.values || b.values) {
    const Constraints& listed = a.values ? a : b;
    const Constraints& other = a.values ? b : a;
    return depth <= kMaxDepth &&
           std::none_of(listed.values->begin(), listed.values->end(),
                        [&](const ordered_json* one) { return valid(*one, other, depth + 1); });
  }
  if ((types & (kNull | kBoolean)) != 0) return false;
  if ((types & (kInteger | kFraction)) != 0 && !disjoint_numbers(a, b)) return false;
  if ((types & kString) != 0 && !disjoint_strings(a, b)) return false;
  if ((types & kArray) != 0 && overlap(a.min_items, a.max_items, b.min_items, b.max_items)) {
    return false;
  }
  return (types & kObject) == 0 || disjoint_objects(a, b, depth);
}

bool SchemaReader::disjoint_objects(const Constraints& a, const Constraints& b, int depth) {
  if (!overlap(a.min_properties, a.max_properties, b.min_properties, b.max_properties)) return true;
  if (depth > kMaxDepth) return false;
  const KeyPatterns patterns_a(a);
  const KeyPatterns patterns_b(b);
  std::vector<std::string> keys = a.required;
  keys.insert(keys.end(), b.required.begin(), b.required.end());
  for (const std::string& key : keys) {
    // Required by one is enough where the other forbids it: then it has no way to be valid.
    const Branches of_a = read(schemas_of_property(a, key, patterns_a), depth + 1);
    const Branches of_b = read(schemas_of_property(b, key, patterns_b), depth + 1);
    const bool both = contains(a.required, key) && contains(b.required, key);
    if (both && disjoint(of_a, of_b, depth + 1)) return true;
    if (contains(a.required, key) && of_b.empty()) return true;
    if (contains(b.required, key) && of_a.empty()) return true;
  }
  return false;
}

}  // namespace tarn::text::grammar
