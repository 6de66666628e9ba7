#include "tarn/text/grammar/schema_keywords.h"

#include <algorithm>
#include <set>
#include <utility>

#include "tarn/base/error.h"
#include "tarn/text/grammar/limits.h"
#include "tarn/text/grammar/schema_formats.h"

namespace tarn::text::grammar {
namespace {

const std::set<std::string> kAnnotations = {
    "$schema",      "$id",         "id",       "$comment",    "$anchor",          "$defs",
    "definitions",  "$vocabulary", "title",    "description", "default",          "example",
    "examples",     "deprecated",  "readOnly", "writeOnly",   "contentMediaType", "contentEncoding",
    "contentSchema"};

class Merger {
 public:
  Merger(const ordered_json& schema, const std::string& pointer, Constraints& c)
      : schema_(schema), pointer_(pointer), c_(c) {}

  void run(bool (*handled)(const std::string& name)) {
    for (const auto& [name, value] : schema_.items()) {
      if (handled(name) || kAnnotations.contains(name) || name.starts_with("x-")) continue;
      if (!general(name, value) && !number(name, value) && !string(name, value) &&
          !array(name, value) && !object(name, value)) {
        unsupported(name, "this keyword is not supported; leave it out");
      }
    }
    array_shape();
    object_shape();
  }

 private:
  [[noreturn]] void wrong(std::string_view name, std::string_view message) const {
    fail_at(pointer_, name, ErrorCode::invalid_argument, message);
  }
  [[noreturn]] void unsupported(std::string_view name, std::string_view message) const {
    fail_at(pointer_, name, ErrorCode::unsupported, message);
  }

  uint32_t count(const std::string& name, const ordered_json& value) const {
    if (!value.is_number() || type_of(value) != kInteger || value.get<double>() < 0) {
      wrong(name, "expected a whole number that is not negative");
    }
    return static_cast<uint32_t>(std::min(value.get<double>(), 4e9));
  }
  void at_least(const std::string& name, const ordered_json& value, uint32_t& min) const {
    min = std::max(min, count(name, value));
    if (min > kMaxRepetitions) unsupported(name, "the number is larger than can be counted");
  }
  // What cannot be counted that far is held to what can.
  void at_most(const std::string& name, const ordered_json& value, uint32_t& max) const {
    max = std::min({max, count(name, value), kMaxRepetitions});
  }

  uint32_t named_type(const ordered_json& value) const {
    static const std::pair<const char*, uint32_t> kTypes[] = {
        {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger},
        {"string", kString}, {"array", kArray},     {"number", kInteger | kFraction},
        {"object", kObject}};
    for (const auto& [name, type] : kTypes) {
      if (value == name) return type;
    }
    wrong("type", "expected the name of a type or a list of names");
  }

  void one_of(std::vector<const ordered_json*> values) {
    if (c_.values) {
      std::erase_if(*c_.values, [&](const ordered_json* known) {
        return std::none_of(values.begin(), values.end(),
                            [&](const ordered_json* value) { return equal(*known, *value); });
      });
    } else {
      c_.values = std::move(values);
    }
  }

  bool general(const std::string& name, const ordered_json& value) {
    if (name == "type") {
      uint32_t types = 0;
      if (value.is_array()) {
        for (const ordered_json& one : value) types |= named_type(one);
      } else {
        types = named_type(value);
      }
      c_.types &= types;
    } else if (name == "enum") {
      if (!value.is_array()) wrong(name, "expected a list of values");
      std::vector<const ordered_json*> values;
      for (const ordered_json& one : value) values.push_back(&one);
      one_of(std::move(values));
    } else if (name == "const") {
      one_of({&value});
    } else if (name == "not") {
      negation(value);
    } else if (name == "format") {
      format(value);
    } else {
      return false;
    }
    return true;
  }

  void negation(const ordered_json& value) {
    if (value == true || (value.is_object() && value.empty())) {
      c_.types = 0;
    } else if (value.is_object() && value.size() == 1 && value.contains("type")) {
      Constraints excluded;
      Merger(value, append_pointer(pointer_, "not"), excluded).general("type", value["type"]);
      c_.types &= ~excluded.types;
    } else if (value != false) {
      unsupported("not", "only types can be excluded");
    }
  }

  void format(const ordered_json& value) {
    if (!value.is_string()) wrong("format", "expected a string");
    const auto& name = value.get_ref<const std::string&>();
    if (name == "float" || name == "double") return;  // any number
    if (name == "int32") {
      bound(ordered_json(INT32_MIN), false, true);
      bound(ordered_json(INT32_MAX), false, false);
      return;
    }
    if (name == "int64") return;  // no numeral is longer than that
    const auto pattern = format_pattern(name);
    if (!pattern) unsupported("format", fmt::format("the format \"{}\" is not known", name));
    c_.patterns.push_back({parse_regex(*pattern), false, append_pointer(pointer_, "format")});
  }

  void bound(const ordered_json& value, bool exclusive, bool lower) {
    const auto decimal = Decimal::from_json(value);
    if (!decimal) unsupported("minimum", "bounds of so many digits are not supported");
    std::optional<Bound>& known = lower ? c_.numbers.lower : c_.numbers.upper;
    const int order = known ? compare(*decimal, known->value) : 0;
    if (!known || (lower ? order > 0 : order < 0)) {
      known = Bound{*decimal, exclusive};
    } else if (order == 0) {
      known->exclusive = known->exclusive || exclusive;
    }
  }

  bool number(const std::string& name, const ordered_json& value) {
    const bool lower = name == "minimum" || name == "exclusiveMinimum";
    if (lower || name == "maximum" || name == "exclusiveMaximum") {
      const bool exclusive = name.starts_with("exclusive");
      if (exclusive && value.is_boolean()) {
        unsupported(name, "expected a number (the boolean is of draft 4)");
      }
      if (!value.is_number()) wrong(name, "expected a number");
      if (!Decimal::from_json(value)) unsupported(name, "a bound of so many digits");
      bound(value, exclusive, lower);
      return true;
    }
    if (name != "multipleOf") return false;
    if (!value.is_number() || value.get<double>() <= 0) wrong(name, "expected a number above 0");
    const auto decimal = Decimal::from_json(value);
    if (!decimal) unsupported(name, "a number of so many digits");
    c_.numbers.multiples.push_back(*decimal);
    return true;
  }

  bool string(const std::string& name, const ordered_json& value) {
    if (name == "minLength") {
      at_least(name, value, c_.min_length);
    } else if (name == "maxLength") {
      at_most(name, value, c_.max_length);
    } else if (name == "pattern") {
      if (!value.is_string()) wrong(name, "expected a string");
      try {
        c_.patterns.push_back({parse_regex(value.get_ref<const std::string&>()), true,
                               append_pointer(pointer_, "pattern")});
      } catch (const Error& error) {
        fail_at(pointer_, name, error.code(), error.what());
      }
    } else {
      return false;
    }
    return true;
  }

  bool array(const std::string& name, const ordered_json& value) {
    if (name == "minItems") {
      at_least(name, value, c_.min_items);
    } else if (name == "maxItems") {
      at_most(name, value, c_.max_items);
    } else if (name == "uniqueItems") {
      if (!value.is_boolean()) wrong(name, "expected true or false");
      if (value == true) unsupported(name, "a grammar cannot tell items apart");
    } else {
      return name == "items" || name == "prefixItems" || name == "additionalItems";
    }
    return true;
  }

  bool object(const std::string& name, const ordered_json& value) {
    if (name == "minProperties") {
      at_least(name, value, c_.min_properties);
    } else if (name == "maxProperties") {
      at_most(name, value, c_.max_properties);
    } else if (name == "required") {
      if (!value.is_array()) wrong(name, "expected a list of names");
      for (const ordered_json& one : value) {
        if (!one.is_string()) wrong(name, "expected a list of names");
        const auto& key = one.get_ref<const std::string&>();
        if (std::find(c_.required.begin(), c_.required.end(), key) == c_.required.end()) {
          c_.required.push_back(key);
        }
      }
    } else if (name == "propertyNames") {
      c_.property_names.push_back({&value, append_pointer(pointer_, name)});
    } else {
      return name == "properties" || name == "patternProperties" || name == "additionalProperties";
    }
    return true;
  }

  const ordered_json* find(const char* name) const {
    const auto it = schema_.find(name);
    return it == schema_.end() ? nullptr : &*it;
  }
  SchemaRef ref(const ordered_json& node, const char* name) const {
    return {&node, append_pointer(pointer_, name)};
  }

  void array_shape() {
    ArrayShape shape;
    const ordered_json* items = find("items");
    const ordered_json* prefix = find("prefixItems");
    const ordered_json* rest = items;
    const char* rest_name = "items";
    if (items != nullptr && items->is_array()) {  // before draft 2020-12
      prefix = items;
      rest = find("additionalItems");
      rest_name = "additionalItems";
      shape.prefix = schema_list(*prefix, append_pointer(pointer_, "items"));
    } else if (prefix != nullptr) {
      shape.prefix = schema_list(*prefix, append_pointer(pointer_, "prefixItems"));
    }
    if (rest != nullptr) shape.rest = ref(*rest, rest_name);
    if (prefix != nullptr || rest != nullptr) c_.arrays.push_back(std::move(shape));
  }

  std::vector<std::pair<std::string, SchemaRef>> members(const char* name) const {
    std::vector<std::pair<std::string, SchemaRef>> out;
    if (const ordered_json* all = find(name)) {
      if (!all->is_object()) wrong(name, "expected an object of schemas");
      const std::string pointer = append_pointer(pointer_, name);
      for (const auto& [key, schema] : all->items()) {
        out.emplace_back(key, SchemaRef{&schema, append_pointer(pointer, key)});
      }
    }
    return out;
  }

  void object_shape() {
    ObjectShape shape{members("properties"), members("patternProperties"), {}, pointer_};
    if (const ordered_json* additional = find("additionalProperties")) {
      shape.additional = ref(*additional, "additionalProperties");
    }
    if (!shape.properties.empty() || !shape.patterns.empty() || shape.additional) {
      c_.objects.push_back(std::move(shape));
    }
  }

  const ordered_json& schema_;
  const std::string& pointer_;
  Constraints& c_;
};

}  // namespace

SchemaRefs schema_list(const ordered_json& value, const std::string& pointer) {
  if (!value.is_array()) {
    fail_at(pointer, "", ErrorCode::invalid_argument, "expected a list of schemas");
  }
  SchemaRefs out;
  for (size_t i = 0; i < value.size(); ++i) {
    out.push_back({&value[i], append_pointer(pointer, std::to_string(i))});
  }
  return out;
}

void merge_keywords(const ordered_json& schema, const std::string& pointer, Constraints& c,
                    bool (*handled)(const std::string& name)) {
  Merger(schema, pointer, c).run(handled);
}

}  // namespace tarn::text::grammar
