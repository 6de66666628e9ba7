// A second opinion on JSON Schema, for the keywords that grammars honour: the plain reading of the
// specification over parsed values. Shares nothing with the library.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace tarn::text {

class SchemaValidator {
 public:
  using Value = nlohmann::json;
  explicit SchemaValidator(const Value& root) : root_(root) {}

  bool valid(const Value& value) const { return valid(value, root_); }

 private:
  static bool whole(double x) { return std::floor(x) == x; }

  static bool has_type(const Value& value, const std::string& type) {
    if (type == "null") return value.is_null();
    if (type == "boolean") return value.is_boolean();
    if (type == "string") return value.is_string();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    return value.is_number() && (type == "number" || whole(value.get<double>()));
  }

  static std::wstring wide(const std::string& text) {
    std::wstring out;
    for (size_t i = 0; i < text.size();) {
      const auto lead = static_cast<unsigned char>(text[i]);
      const int size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      uint32_t c = size == 1 ? lead : lead & (0xFFU >> (size + 1));
      for (int k = 1; k < size; ++k) c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
      out += static_cast<wchar_t>(c);
      i += static_cast<size_t>(size);
    }
    return out;
  }

  static bool found(const std::string& pattern, const std::string& text) {
    return std::regex_search(wide(text), std::wregex(wide(pattern)));
  }

  static bool format(const std::string& name, const std::string& text) {
    const auto like = [&](const char* pattern) {
      return std::regex_match(text, std::regex(pattern));
    };
    if (name == "date") return like("\\d{4}-\\d\\d-\\d\\d") && date(text);
    if (name == "date-time") {
      return text.size() > 11 && text[10] == 'T' && format("date", text.substr(0, 10)) &&
             format("time", text.substr(11));
    }
    if (name == "time") {
      return like("\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)") && std::stoi(text) < 24 &&
             std::stoi(text.substr(3)) < 60 && std::stoi(text.substr(6)) < 60;
    }
    if (name == "uuid") return like("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
    if (name == "email") return like("[^@. ]+(\\.[^@. ]+)*@[^@. ]+(\\.[^@. ]+)+");
    if (name == "ipv4") return like("(\\d{1,3}\\.){3}\\d{1,3}") && bytes(text);
    if (name == "ipv6") return like("[0-9a-fA-F:]{2,39}") && text.find(":::") == std::string::npos;
    if (name == "hostname") return like("[A-Za-z0-9](\\.?[A-Za-z0-9-]+)*");
    if (name == "uri") return like("[a-z][a-z0-9+.-]*://[^ \"<>\\\\^`{|}]+");
    if (name == "duration")
      return like("P(?=.)(\\d+W|(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+S)?)?)");
    if (name == "byte") return text.size() % 4 == 0 && like("[A-Za-z0-9+/]*={0,2}");
    return true;
  }

  static bool date(const std::string& text) {
    const int y = std::stoi(text);
    const int m = std::stoi(text.substr(5));
    const int d = std::stoi(text.substr(8));
    const bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    const int days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1];
  }

  static bool bytes(const std::string& text) {
    for (size_t at = 0; at < text.size(); at = text.find('.', at) + 1) {
      if (std::stoi(text.substr(at)) > 255) return false;
      if (text.find('.', at) == std::string::npos) break;
    }
    return true;
  }

  const Value& resolve(const std::string& reference) const {
    std::string pointer;
    for (size_t i = 1; i < reference.size(); ++i) {
      if (reference[i] == '%') {
        pointer += static_cast<char>(std::stoi(reference.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        pointer += reference[i];
      }
    }
    return root_.at(Value::json_pointer(pointer));
  }

  bool valid(const Value& value, const Value& schema) const {
    if (schema.is_boolean()) return schema.get<bool>();
    for (const auto& [key, arg] : schema.items()) {
      if (!keyword(key, arg, value, schema)) return false;
    }
    return true;
  }

  int matching(const Value& value, const Value& schemas) const {
    int count = 0;
    for (const Value& one : schemas) count += valid(value, one) ? 1 : 0;
    return count;
  }

  bool keyword(const std::string& key, const Value& arg, const Value& value,
               const Value& schema) const {
    if (key == "type") {
      if (arg.is_string()) return has_type(value, arg);
      return std::any_of(arg.begin(), arg.end(),
                         [&](const Value& t) { return has_type(value, t); });
    }
    if (key == "enum") return std::find(arg.begin(), arg.end(), value) != arg.end();
    if (key == "const") return value == arg;
    if (key == "$ref") return valid(value, resolve(arg));
    if (key == "allOf") return matching(value, arg) == static_cast<int>(arg.size());
    if (key == "anyOf") return matching(value, arg) > 0;
    if (key == "oneOf") return matching(value, arg) == 1;
    if (key == "not") return !valid(value, arg);
    if (value.is_number()) return number(key, arg, value.get<double>());
    if (value.is_string()) return string(key, arg, value);
    if (value.is_array()) return array(key, arg, value, schema);
    return !value.is_object() || object(key, arg, value, schema);
  }

  static bool number(const std::string& key, const Value& arg, double x) {
    if (key == "minimum") return x >= arg.get<double>();
    if (key == "maximum") return x <= arg.get<double>();
    if (key == "exclusiveMinimum") return x > arg.get<double>();
    if (key == "exclusiveMaximum") return x < arg.get<double>();
    if (key == "multipleOf") {
      const double quotient = x / arg.get<double>();
      return std::abs(quotient - std::round(quotient)) <= 1e-9 * std::max(1.0, std::abs(quotient));
    }
    return key != "format" || arg != "int32" || std::abs(x + 0.5) < 2147483648.0;
  }

  static bool string(const std::string& key, const Value& arg, const std::string& text) {
    if (key == "minLength") return wide(text).size() >= arg.get<size_t>();
    if (key == "maxLength") return wide(text).size() <= arg.get<size_t>();
    if (key == "pattern") return found(arg, text);
    return key != "format" || format(arg, text);
  }

  bool array(const std::string& key, const Value& arg, const Value& value,
             const Value& schema) const {
    if (key == "minItems") return value.size() >= arg.get<size_t>();
    if (key == "maxItems") return value.size() <= arg.get<size_t>();
    const bool list = key == "prefixItems" || (key == "items" && arg.is_array());
    if (list) {
      for (size_t i = 0; i < std::min(arg.size(), value.size()); ++i) {
        if (!valid(value[i], arg[i])) return false;
      }
    } else if (key == "items" || key == "additionalItems") {
      const char* prefix = key == "items" ? "prefixItems" : "items";
      for (size_t i = schema.contains(prefix) ? schema[prefix].size() : 0; i < value.size(); ++i) {
        if (!valid(value[i], arg)) return false;
      }
    }
    return true;
  }

  bool object(const std::string& key, const Value& arg, const Value& value,
              const Value& schema) const {
    if (key == "minProperties") return value.size() >= arg.get<size_t>();
    if (key == "maxProperties") return value.size() <= arg.get<size_t>();
    if (key == "required") {
      return std::all_of(arg.begin(), arg.end(), [&](const Value& name) {
        return value.contains(name.get<std::string>());
      });
    }
    for (const auto& [name, member] : value.items()) {
      if (key == "propertyNames" && !valid(Value(name), arg)) return false;
      if (key == "properties" && arg.contains(name) && !valid(member, arg[name])) return false;
      if (key == "patternProperties") {
        for (const auto& [pattern, one] : arg.items()) {
          if (found(pattern, name) && !valid(member, one)) return false;
        }
      }
      if (key == "additionalProperties") {
        bool covered = schema.contains("properties") && schema["properties"].contains(name);
        if (schema.contains("patternProperties")) {
          for (const auto& [pattern, one] : schema["patternProperties"].items()) {
            covered = covered || found(pattern, name);
          }
        }
        if (!covered && !valid(member, arg)) return false;
      }
    }
    return true;
  }

  const Value& root_;
};

}  // namespace tarn::text
