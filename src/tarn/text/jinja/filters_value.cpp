// Filters of single values: numbers, defaults, serialization.
#include <algorithm>
#include <cmath>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/filters.h"
#include "tarn/text/jinja/methods.h"
#include "tarn/text/jinja/numbers.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"

namespace tarn::text::jinja {
namespace {

Value default_filter(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("default", args, {"default_value", "boolean"});
  if (!input.is_undefined() && !(bound.truth(1, false) && !truthy(input))) return input;
  return bound.given(0) ? *bound[0] : interpreter.heap().text("");
}

Value length(Interpreter&, const Value& input, const Args& args) {
  const Bound none("length", args, {});
  return Value::integer(length_of(input));
}

Value abs_filter(Interpreter&, const Value& input, const Args& args) {
  const Bound none("abs", args, {});
  if (input.is(Kind::real)) return Value::real(std::fabs(input.as_real()));
  if (!input.is_number()) raise("bad operand type for abs(): '{}'", type_name(input));
  return input.as_integer() < 0 ? negated(input, Operator::negate)
                                : Value::integer(input.as_integer());
}

Value int_filter(Interpreter&, const Value& input, const Args& args) {
  const Bound bound("int", args, {"default", "base"});
  if (input.is_undefined()) raise_undefined(input);
  if (input.is_integral()) return Value::integer(input.as_integer());
  if (input.is(Kind::real) && !std::isnan(input.as_real())) {
    return Value::integer(truncated(input.as_real()));
  }
  if (input.is_string()) {
    if (const auto value = parse_integer(input.str(), bound.integer(1, 10))) {
      return Value::integer(*value);
    }
    const auto real = parse_real(input.str());
    if (real && std::isfinite(*real)) return Value::integer(truncated(*real));
  }
  return bound.given(0) ? *bound[0] : Value::integer(0);
}

Value float_filter(Interpreter&, const Value& input, const Args& args) {
  const Bound bound("float", args, {"default"});
  if (input.is_undefined()) raise_undefined(input);
  if (input.is_number()) return Value::real(input.as_real());
  if (input.is_string()) {
    if (const auto value = parse_real(input.str())) return Value::real(*value);
  }
  return bound.given(0) ? *bound[0] : Value::real(0);
}

// round(int, precision): to tens, hundreds... when the precision is negative, halves to even.
int64_t rounded_integer(int64_t value, int64_t precision) {
  if (precision >= 0) return value;
  if (precision < -18) {
    const bool up = precision == -19 && std::abs(value / 2) >= 2'500'000'000'000'000'000;
    if (up) raise("the rounded number exceeds 64 bits");
    return 0;
  }
  int64_t unit = 1;
  for (int64_t i = precision; i < 0; ++i) unit *= 10;
  int64_t quotient = value / unit;
  const int64_t rest = std::abs(value % unit);
  const int64_t half = unit / 2;
  if (rest > half || (rest == half && quotient % 2 != 0)) quotient += value < 0 ? -1 : 1;
  int64_t result = 0;
  if (__builtin_mul_overflow(quotient, unit, &result)) raise("the rounded number exceeds 64 bits");
  return result;
}

Value round_filter(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("round", args, {"precision", "method"});
  const std::string method = bound.given(1) ? bound.text(1) : "common";
  const int64_t precision = bound.integer(0, 0);
  if (input.is_undefined()) raise_undefined(input);
  if (method != "common" && method != "ceil" && method != "floor") {
    raise("method must be common, ceil or floor");
  }
  if (!input.is_number()) raise("type {} doesn't define __round__ method", type_name(input));
  if (method == "common") {
    if (input.is_integral()) return Value::integer(rounded_integer(input.as_integer(), precision));
    return Value::real(rounded(input.as_real(), precision));
  }
  Heap& heap = interpreter.heap();
  const Value unit = arithmetic(heap, Operator::power, Value::integer(10),
                                bound.given(0) ? *bound[0] : Value::integer(0));
  const Value scaled = arithmetic(heap, Operator::multiply, input, unit);
  const double real = scaled.as_real();
  const Value whole =
      scaled.is_integral()
          ? scaled
          : Value::integer(truncated(method == "ceil" ? std::ceil(real) : std::floor(real)));
  return arithmetic(heap, Operator::divide, whole, unit);
}

Value filesizeformat(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("filesizeformat", args, {"binary"});
  const Value number = float_filter(interpreter, input, {{Value()}, {}});
  if (number.is_none()) raise("could not convert to float: '{}'", type_name(input));
  const bool binary = bound.truth(0, false);
  const double bytes = number.as_real();
  const double base = binary ? 1024 : 1000;
  Heap& heap = interpreter.heap();
  if (bytes == 1) return heap.text("1 Byte");
  if (bytes < base) return heap.text(fmt::format("{} Bytes", truncated(bytes)));
  const char* const prefixes = binary ? "KMGTPEZY" : "kMGTPEZY";
  double unit = base;
  size_t i = 0;
  do {
    unit *= base;
  } while (bytes >= unit && ++i < 7);
  if (i == 7) unit = std::pow(base, 9);
  return heap.text(
      fmt::format("{:.1f} {}{}B", base * bytes / unit, prefixes[i], binary ? "i" : ""));
}

Value tojson(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonOptions options;
  options.ensure_ascii = bound.truth(0, false);
  options.sort_keys = bound.truth(3, false);
  if (!bound.absent(1)) {
    options.multiline = true;
    options.item_separator.pop_back();  // no space before a line break
    if (bound[1]->is_string()) {
      options.indent = bound.text(1);
    } else {
      const int64_t width = std::max<int64_t>(0, bound.integer(1, 0));
      interpreter.heap().check(static_cast<size_t>(width));
      options.indent.assign(static_cast<size_t>(width), ' ');
    }
  }
  if (!bound.absent(2)) {
    const std::vector<Value> pair = collect(interpreter.heap(), *bound[2]);
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      raise("tojson: separators must be two strings");
    }
    options.item_separator = pair[0].str();
    options.key_separator = pair[1].str();
  }
  return interpreter.heap().text(to_json(interpreter.heap(), input, options));
}

// Python's pprint sorts keys; beyond 80 columns it breaks lines by rules that no template needs.
Value sorted_keys(Heap& heap, const Value& value) {
  if (value.is_sequence()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(sorted_keys(heap, item));
    return value.is(Kind::list) ? heap.list(std::move(items)) : heap.tuple(std::move(items));
  }
  if (!value.is(Kind::dict)) return value;
  auto entries = value.dict().entries;
  heap.step(entries.size());
  stable_sort_values(entries, [](const auto& a, const auto& b) { return less(a.first, b.first); });
  auto dict = heap.new_dict();
  for (const auto& [key, item] : entries) dict->set(key, sorted_keys(heap, item));
  return heap.dict(std::move(dict));
}

Value pprint(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("pprint", args, {});
  Heap& heap = interpreter.heap();
  const Value text = heap.text(to_repr(heap, sorted_keys(heap, input)));
  if (text.text().length > 80) raise("pprint of more than 80 columns is not supported: use tojson");
  return text;
}

Value attr(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("attr", args, {"name"}, 1);
  const std::string& name = bound.text(0);
  if (input.is_undefined()) raise_undefined(input);
  if (auto value = find_attribute(interpreter, input, name)) return *value;
  return interpreter.heap().undefined(
      fmt::format("'{}' has no attribute '{}'", type_description(input), name));
}

}  // namespace

FilterTable value_filters() {
  static const FilterTable table = {
      {"abs", abs_filter},         {"attr", attr},
      {"count", length},           {"d", default_filter},
      {"default", default_filter}, {"filesizeformat", filesizeformat},
      {"float", float_filter},     {"int", int_filter},
      {"length", length},          {"pprint", pprint},
      {"round", round_filter},     {"tojson", tojson},
  };
  return table;
}

}  // namespace tarn::text::jinja
