#include "tarn/text/jinja/operators.h"

#include <cmath>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/html.h"
#include "tarn/text/jinja/loop.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

const char* spelling(Operator op) {
  switch (op) {
    case Operator::add:
      return "+";
    case Operator::subtract:
      return "-";
    case Operator::multiply:
      return "*";
    case Operator::divide:
      return "/";
    case Operator::floor_divide:
      return "//";
    case Operator::modulo:
      return "%";
    case Operator::power:
      return "** or pow()";
    case Operator::less:
      return "<";
    case Operator::less_equal:
      return "<=";
    case Operator::greater:
      return ">";
    case Operator::greater_equal:
      return ">=";
    default:
      return "?";
  }
}

[[noreturn]] void overflow() { raise("the result of the arithmetic exceeds 64 bits"); }

[[noreturn]] void unsupported(Operator op, const Value& a, const Value& b) {
  raise("unsupported operand type(s) for {}: '{}' and '{}'", spelling(op), type_name(a),
        type_name(b));
}

int64_t integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if (exponent & 1 && __builtin_mul_overflow(result, base, &result)) overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) overflow();
  }
  return result;
}

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == -1) {
    int64_t result = 0;
    if (__builtin_sub_overflow(int64_t{0}, a, &result)) overflow();
    return result;
  }
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

double modulo(double a, double b) {
  double result = std::fmod(a, b);
  if (result == 0) return std::copysign(0.0, b);
  if ((b < 0) != (result < 0)) result += b;
  return result;
}

// As CPython derives it from the remainder, so that (a // b) * b + a % b is a.
double floor_divide(double a, double b) {
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0 && (b < 0) != (remainder < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1;
  return floored;
}

Value integer_arithmetic(Operator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case Operator::add:
      if (__builtin_add_overflow(a, b, &result)) overflow();
      return Value::integer(result);
    case Operator::subtract:
      if (__builtin_sub_overflow(a, b, &result)) overflow();
      return Value::integer(result);
    case Operator::multiply:
      if (__builtin_mul_overflow(a, b, &result)) overflow();
      return Value::integer(result);
    case Operator::divide:
      if (b == 0) raise("division by zero");
      return Value::real(static_cast<double>(a) / static_cast<double>(b));
    case Operator::floor_divide:
      if (b == 0) raise("integer division or modulo by zero");
      return Value::integer(floor_divide(a, b));
    case Operator::modulo:
      if (b == 0) raise("integer modulo by zero");
      if (b == -1) return Value::integer(0);
      result = a % b;
      return Value::integer(result != 0 && (result < 0) != (b < 0) ? result + b : result);
    default:
      if (b >= 0) return Value::integer(integer_power(a, b));
      if (a == 0) raise("0.0 cannot be raised to a negative power");
      return Value::real(std::pow(static_cast<double>(a), static_cast<double>(b)));
  }
}

Value real_arithmetic(Operator op, double a, double b) {
  switch (op) {
    case Operator::add:
      return Value::real(a + b);
    case Operator::subtract:
      return Value::real(a - b);
    case Operator::multiply:
      return Value::real(a * b);
    case Operator::divide:
      if (b == 0) raise("float division by zero");
      return Value::real(a / b);
    case Operator::floor_divide:
      if (b == 0) raise("float floor division by zero");
      return Value::real(floor_divide(a, b));
    case Operator::modulo:
      if (b == 0) raise("float modulo");
      return Value::real(modulo(a, b));
    default:
      if (a == 0 && b < 0) raise("0.0 cannot be raised to a negative power");
      if (a < 0 && std::isfinite(b) && std::floor(b) != b) {
        raise("a negative number to a fractional power is complex, which is not supported");
      }
      const double result = std::pow(a, b);
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
        raise("Numerical result out of range");
      }
      return Value::real(result);
  }
}

Value repeated(Heap& heap, const Value& value, int64_t times) {
  const auto count = static_cast<size_t>(std::max<int64_t>(times, 0));
  const bool is_text = value.is_string();
  const size_t size = is_text ? value.str().size() : value.items().size() * sizeof(Value);
  size_t total = 0;
  if (__builtin_mul_overflow(size, count, &total)) total = SIZE_MAX;
  heap.check(total);
  if (is_text) {
    std::string text;
    text.reserve(total);
    for (size_t i = 0; i < count && size > 0; ++i) text += value.str();
    return heap.text(std::move(text), value.markup());
  }
  heap.step(total / sizeof(Value));
  std::vector<Value> items;
  items.reserve(total / sizeof(Value));
  for (size_t i = 0; i < count && size > 0; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return value.is(Kind::list) ? heap.list(std::move(items)) : heap.tuple(std::move(items));
}

Value joined(Heap& heap, const Value& a, const Value& b) {
  if (a.is_string()) {
    // Text that is not marked as escaped is escaped when it meets text that is.
    const bool markup = a.markup() || b.markup();
    TextBuilder out(heap);
    for (const Value* part : {&a, &b}) {
      if (markup && !part->markup()) {
        out.append(escape_html(heap, part->str()));
      } else {
        out.append(part->str());
      }
    }
    return heap.text(out.take(), markup);
  }
  heap.check((a.items().size() + b.items().size()) * sizeof(Value));
  heap.step(a.items().size() + b.items().size());
  std::vector<Value> items;
  items.reserve(a.items().size() + b.items().size());
  items.insert(items.end(), a.items().begin(), a.items().end());
  items.insert(items.end(), b.items().begin(), b.items().end());
  return a.is(Kind::list) ? heap.list(std::move(items)) : heap.tuple(std::move(items));
}

}  // namespace

int64_t truncated(double value) {
  if (std::isnan(value)) raise("cannot convert float NaN to integer");
  if (std::isinf(value)) raise("cannot convert float infinity to integer");
  if (!(value > -0x1p63 && value < 0x1p63)) overflow();
  return static_cast<int64_t>(value);
}

Value arithmetic(Heap& heap, Operator op, const Value& a, const Value& b) {
  heap.step();
  if (op == Operator::modulo && a.is_string()) {
    if (!a.markup()) return heap.text(percent_format(heap, a.str(), b));
    return heap.text(percent_format(heap, a.str(), escaped_arguments(heap, b)), true);
  }
  if (a.is_undefined()) raise_undefined(a);
  if (b.is_undefined()) raise_undefined(b);
  if (a.is_integral() && b.is_integral()) {
    return integer_arithmetic(op, a.as_integer(), b.as_integer());
  }
  if (a.is_number() && b.is_number()) return real_arithmetic(op, a.as_real(), b.as_real());
  const bool a_repeats = a.is_string() || a.is_sequence();
  if (op == Operator::multiply) {
    if (a_repeats && b.is_integral()) return repeated(heap, a, b.as_integer());
    if (a.is_integral() && (b.is_string() || b.is_sequence())) {
      return repeated(heap, b, a.as_integer());
    }
    if (a_repeats) raise("can't multiply sequence by non-int of type '{}'", type_name(b));
  }
  if (op == Operator::add && a_repeats) {
    if (a.kind() == b.kind()) return joined(heap, a, b);
    raise("can only concatenate {} (not \"{}\") to {}", type_name(a), type_name(b), type_name(a));
  }
  unsupported(op, a, b);
}

Value negated(const Value& value, Operator op) {
  if (value.is_undefined()) raise_undefined(value);
  const bool plus = op == Operator::plus;
  if (value.is_integral()) {
    if (plus) return Value::integer(value.as_integer());
    return integer_arithmetic(Operator::subtract, 0, value.as_integer());
  }
  if (value.is_number()) return Value::real(plus ? value.as_real() : -value.as_real());
  raise("bad operand type for unary {}: '{}'", plus ? "+" : "-", type_name(value));
}

namespace {

// -1, 0, 1, or 2 for unordered (NaN).
int order_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) {
    return a.as_integer() < b.as_integer() ? -1 : a.as_integer() > b.as_integer();
  }
  const double x = a.as_real();
  const double y = b.as_real();
  if (std::isnan(x) || std::isnan(y)) return 2;
  if (equal(a, b)) return 0;
  return x < y ? -1 : 1;
}

bool ordered(Operator op, int order) {
  switch (op) {
    case Operator::less:
      return order == -1;
    case Operator::less_equal:
      return order == -1 || order == 0;
    case Operator::greater:
      return order == 1;
    default:
      return order == 1 || order == 0;
  }
}

bool compare_order(Operator op, const Value& a, const Value& b) {
  if (a.is_undefined()) raise_undefined(a);
  if (b.is_undefined()) raise_undefined(b);
  if (a.is_number() && b.is_number()) return ordered(op, order_numbers(a, b));
  if (a.is_string() && b.is_string()) {
    // UTF-8 orders as its code points do.
    const int order = a.str().compare(b.str());
    return ordered(op, order < 0 ? -1 : order > 0);
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    const auto& x = a.items();
    const auto& y = b.items();
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (Heap* heap = a.object<Sequence>().heap) heap->step();
      if (!equal(x[i], y[i])) return compare_order(op, x[i], y[i]);
    }
    return ordered(op, x.size() < y.size() ? -1 : x.size() > y.size());
  }
  raise("'{}' not supported between instances of '{}' and '{}'", spelling(op), type_name(a),
        type_name(b));
}

}  // namespace

bool less(const Value& a, const Value& b) { return compare_order(Operator::less, a, b); }

bool compare(Heap& heap, Operator op, const Value& a, const Value& b) {
  heap.step();
  switch (op) {
    case Operator::equal:
      return equal(a, b);
    case Operator::not_equal:
      return !equal(a, b);
    case Operator::in:
      return contains(heap, b, a);
    case Operator::not_in:
      return !contains(heap, b, a);
    default:
      return compare_order(op, a, b);
  }
}

bool contains(Heap& heap, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::string:
      if (!item.is_string()) {
        raise("'in <string>' requires string as left operand, not {}", type_name(item));
      }
      heap.step(container.str().size() / 64);
      return container.str().find(item.str()) != std::string::npos;
    case Kind::dict:
      return container.dict().find(item) != nullptr;
    case Kind::view: {
      const View& view = container.object<View>();
      if (view.what == View::What::keys) return view.dict.dict().find(item) != nullptr;
      break;
    }
    default:
      break;
  }
  if (!is_iterable(container)) {
    raise("argument of type '{}' is not iterable", type_name(container));
  }
  Cursor cursor(heap, container);
  for (Value candidate; cursor.next(candidate);) {
    if (equal(candidate, item)) return true;
  }
  return false;
}

int64_t length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
      return 0;
    case Kind::string:
      return static_cast<int64_t>(value.text().length);
    case Kind::list:
    case Kind::tuple:
      return static_cast<int64_t>(value.items().size());
    case Kind::dict:
      return static_cast<int64_t>(value.dict().size());
    case Kind::view:
      return static_cast<int64_t>(value.object<View>().dict.dict().size());
    case Kind::range:
      return value.object<Range>().length;
    case Kind::loop:
      return value.object<Loop>().length();
    default:
      raise("object of type '{}' has no len()", type_name(value));
  }
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::range:
    case Kind::view:
    case Kind::loop:
    case Kind::iterator:
      return true;
    default:
      return false;
  }
}

Cursor::Cursor(Heap& heap, const Value& iterable) : heap_(&heap), source_(iterable) {
  if (!is_iterable(iterable)) raise("'{}' object is not iterable", type_name(iterable));
  if (iterable.is(Kind::loop)) raise("iterating over the loop variable is not supported");
}

bool Cursor::next(Value& out) {
  heap_->step();
  switch (source_.kind()) {
    case Kind::string: {
      const std::string& text = source_.str();
      if (byte_ >= text.size()) return false;
      const size_t begin = byte_;
      next_code_point(text, byte_);
      out = heap_->text(text.substr(begin, byte_ - begin), source_.markup());
      return true;
    }
    case Kind::list:
    case Kind::tuple:
      if (index_ >= source_.items().size()) return false;
      out = source_.items()[index_++];
      return true;
    case Kind::dict:
      if (index_ >= source_.dict().size()) return false;
      out = source_.dict().entries[index_++].first;
      return true;
    case Kind::view: {
      const View& view = source_.object<View>();
      if (index_ >= view.dict.dict().size()) return false;
      const auto& [key, value] = view.dict.dict().entries[index_++];
      out = view.what == View::What::keys     ? key
            : view.what == View::What::values ? value
                                              : heap_->pair(key, value);
      return true;
    }
    case Kind::range: {
      const Range& range = source_.object<Range>();
      if (index_ >= static_cast<size_t>(range.length)) return false;
      // Unsigned: the product may pass int64 on the way to a sum that does not.
      out = Value::integer(static_cast<int64_t>(static_cast<uint64_t>(range.start) +
                                                index_++ * static_cast<uint64_t>(range.step)));
      return true;
    }
    case Kind::iterator:
      return source_.object<Iterator>().next(out);
    default:
      return false;
  }
}

std::vector<Value> collect(Heap& heap, const Value& iterable) {
  if (iterable.is_sequence()) {
    heap.step(iterable.items().size());
    return iterable.items();
  }
  std::vector<Value> items;
  Cursor cursor(heap, iterable);
  for (Value item; cursor.next(item);) {
    heap.check((items.size() + 1) * sizeof(Value));
    items.push_back(item);
  }
  return items;
}

}  // namespace tarn::text::jinja
