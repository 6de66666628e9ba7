#include "tarn/text/grammar/schema_model.h"

#include <algorithm>
#include <cmath>

namespace tarn::text::grammar {

uint32_t type_of(const ordered_json& value) {
  switch (value.type()) {
    case ordered_json::value_t::null:
      return kNull;
    case ordered_json::value_t::boolean:
      return kBoolean;
    case ordered_json::value_t::string:
      return kString;
    case ordered_json::value_t::array:
      return kArray;
    case ordered_json::value_t::object:
      return kObject;
    case ordered_json::value_t::number_float: {
      const auto number = value.get<double>();
      return std::floor(number) == number ? kInteger : kFraction;
    }
    default:
      return kInteger;
  }
}

bool equal(const ordered_json& a, const ordered_json& b) {
  if (a.is_object() && b.is_object()) {
    return a.size() == b.size() && std::all_of(a.items().begin(), a.items().end(), [&](auto one) {
             const auto other = b.find(one.key());
             return other != b.end() && equal(one.value(), *other);
           });
  }
  if (a.is_array() && b.is_array()) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
  }
  return a == b;
}

void fail_at(const std::string& pointer, std::string_view keyword, ErrorCode code,
             std::string_view message) {
  const std::string where = keyword.empty() ? pointer : append_pointer(pointer, keyword);
  fail(code, "schema: {}: {}", where.empty() ? "the root" : where, message);
}

std::string append_pointer(const std::string& pointer, std::string_view token) {
  std::string out = pointer;
  out += '/';
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

SchemaRefs schemas_of_item(const Constraints& c, size_t index) {
  SchemaRefs out;
  for (const ArrayShape& shape : c.arrays) {
    if (index < shape.prefix.size()) {
      out.push_back(shape.prefix[index]);
    } else if (shape.rest) {
      out.push_back(*shape.rest);
    }
  }
  return out;
}

SchemaRefs schemas_of_property(const Constraints& c, const std::string& key,
                               const KeyPatterns& patterns) {
  SchemaRefs out;
  for (const ObjectShape& shape : c.objects) {
    bool covered = false;
    for (const auto& [name, schema] : shape.properties) {
      if (name != key) continue;
      out.push_back(schema);
      covered = true;
    }
    for (const auto& [pattern, schema] : shape.patterns) {
      if (!patterns.matches(pattern, key)) continue;
      out.push_back(schema);
      covered = true;
    }
    if (!covered && shape.additional) out.push_back(*shape.additional);
  }
  return out;
}

KeyPatterns::KeyPatterns(const Constraints& c) {
  for (const ObjectShape& shape : c.objects) {
    for (const auto& [pattern, schema] : shape.patterns) {
      if (std::find(sources_.begin(), sources_.end(), pattern) != sources_.end()) continue;
      sources_.push_back(pattern);
      try {
        languages_.push_back(CharDfa::search(parse_regex(pattern)));
      } catch (const Error& error) {
        fail_at(schema.pointer, "", error.code(), error.what());
      }
    }
  }
}

size_t KeyPatterns::index(const std::string& pattern) const {
  return static_cast<size_t>(std::find(sources_.begin(), sources_.end(), pattern) -
                             sources_.begin());
}

bool KeyPatterns::matches(const std::string& pattern, const std::string& key) const {
  return languages_[index(pattern)].accepts(key);
}

}  // namespace tarn::text::grammar
