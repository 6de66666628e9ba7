#include "tarn/text/chat/tool_table.h"

#include <cmath>

#include "tarn/base/error.h"
#include "tarn/base/json.h"
#include "tarn/text/chat/literals.h"

namespace tarn::text {
namespace {

constexpr std::string_view white_space = " \t\r\n";

// The JSON types that a schema allows.
struct Types {
  bool string = false, integer = false, number = false, boolean = false;
  bool object = false, array = false, null = false;

  bool none() const { return !(string || integer || number || boolean || object || array || null); }
  bool only_string() const {
    return string && !(integer || number || boolean || object || array || null);
  }
  void add(const std::string& name) {
    string |= name == "string";
    integer |= name == "integer";
    number |= name == "number";
    boolean |= name == "boolean";
    object |= name == "object";
    array |= name == "array";
    null |= name == "null";
  }
  void add_type_of(const ordered_json& value) {
    string |= value.is_string();
    integer |= value.is_number_integer();
    number |= value.is_number_float();
    boolean |= value.is_boolean();
    object |= value.is_object();
    array |= value.is_array();
    null |= value.is_null();
  }
  bool allow(const ordered_json& value) const {
    if (value.is_number_integer()) return integer || number;
    if (value.is_number_float()) return number;
    return (value.is_boolean() && boolean) || (value.is_object() && object) ||
           (value.is_array() && array) || (value.is_null() && null);
  }
};

const ordered_json* member(const ordered_json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// #/$defs/NAME and the like.
const ordered_json* resolve(const ordered_json& root, const std::string& reference) {
  if (!reference.starts_with("#/")) return nullptr;
  try {
    return &root.at(ordered_json::json_pointer(reference.substr(1)));
  } catch (const ordered_json::exception&) {
    return nullptr;
  }
}

void collect_types(const ordered_json& schema, const ordered_json& root, int depth, Types& types) {
  if (depth > 8) return;
  if (const auto* reference = member(schema, "$ref"); reference && reference->is_string()) {
    const auto* target = resolve(root, reference->get<std::string>());
    if (target) collect_types(*target, root, depth + 1, types);
  }
  if (const auto* type = member(schema, "type")) {
    if (type->is_string()) types.add(type->get<std::string>());
    if (type->is_array()) {
      for (const auto& one : *type) {
        if (one.is_string()) types.add(one.get<std::string>());
      }
    }
    return;
  }
  for (const char* key : {"anyOf", "oneOf", "allOf"}) {
    const auto* choices = member(schema, key);
    if (!choices || !choices->is_array()) continue;
    for (const auto& choice : *choices) collect_types(choice, root, depth + 1, types);
  }
  if (const auto* values = member(schema, "enum"); values && values->is_array()) {
    for (const auto& value : *values) types.add_type_of(value);
  }
  if (const auto* value = member(schema, "const")) types.add_type_of(*value);
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) + 1 - begin);
}

}  // namespace

ToolTable::ToolTable(const ordered_json& tools) : any_(tools.is_null()) {
  if (!tools.is_array()) return;
  for (const ordered_json& tool : tools) {
    const ordered_json* function = member(tool, "function");
    if (!function) function = &tool;
    const ordered_json* name = member(*function, "name");
    if (!name || !name->is_string()) continue;
    const ordered_json* schema = member(*function, "parameters");
    schemas_.emplace(name->get<std::string>(), schema ? *schema : ordered_json());
  }
}

std::string ToolTable::argument(std::string_view tool, std::string_view parameter,
                                std::string_view text) const {
  Types types;
  if (const auto found = schemas_.find(tool); found != schemas_.end()) {
    const ordered_json* properties = member(found->second, "properties");
    const ordered_json* schema = properties ? member(*properties, parameter) : nullptr;
    if (!schema) schema = member(found->second, "additionalProperties");
    if (schema) collect_types(*schema, found->second, 0, types);
  }
  if (types.only_string()) return quote_json(text);

  std::string value(trimmed(text));
  std::optional<ordered_json> parsed = try_parse_json(value);
  // Templates that print values as Python does teach True and None to a model.
  if (!parsed && !types.none() && !types.string) {
    if (auto literal = literal_to_json(value, LiteralSyntax::python)) {
      value = std::move(*literal);
      parsed = try_parse_json(value);
    }
  }
  if (!parsed || parsed->is_string()) return quote_json(text);
  if (types.none() || types.allow(*parsed)) return value;
  if (parsed->is_null() && !types.string) return value;
  if (parsed->is_number_float() && types.integer) {
    const double number = parsed->get<double>();
    if (std::abs(number) < 0x1p53 && std::trunc(number) == number) {
      return ordered_json(static_cast<int64_t>(number)).dump();
    }
  }
  return quote_json(text);
}

std::optional<ordered_json> try_parse_json(std::string_view text) {
  try {
    return parse_ordered_json(text, "tool call");
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool is_json_object(std::string_view text) {
  const auto value = try_parse_json(text);
  return value && value->is_object();
}

std::string quote_json(std::string_view text) {
  try {
    return ordered_json(text).dump();
  } catch (const ordered_json::exception&) {
    return {};
  }
}

}  // namespace tarn::text
