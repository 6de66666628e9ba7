// x.name, x[key] and x[a:b:c].
#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/methods.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

Value missing_attribute(Heap& heap, const Value& object, std::string_view name) {
  return heap.undefined(fmt::format("'{}' has no attribute '{}'", type_description(object), name));
}

Value missing_element(Heap& heap, const Value& object, const Value& key) {
  if (key.is_string()) return missing_attribute(heap, object, key.str());
  return heap.undefined(
      fmt::format("{} has no element {}", type_description(object), to_repr(heap, key)));
}

// Python's meaning of an index: from the end when negative. Nothing when out of range.
std::optional<size_t> position(int64_t index, size_t length) {
  const auto size = static_cast<int64_t>(length);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  return static_cast<size_t>(index);
}

// object[key] without attributes; nothing where Python raises TypeError or LookupError.
std::optional<Value> subscript(Heap& heap, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::dict: {
      if (key.is(Kind::list) || key.is(Kind::dict)) return std::nullopt;
      const Value* value = object.dict().find(key);
      if (!value) return std::nullopt;
      return *value;
    }
    case Kind::list:
    case Kind::tuple: {
      if (!key.is_integral()) return std::nullopt;
      const auto at = position(key.as_integer(), object.items().size());
      if (!at) return std::nullopt;
      return object.items()[*at];
    }
    case Kind::string: {
      if (!key.is_integral()) return std::nullopt;
      const Text& text = object.text();
      const auto at = position(key.as_integer(), text.length);
      if (!at) return std::nullopt;
      heap.step(1 + *at / 64);
      const bool ascii = text.length == text.bytes.size();
      size_t end = ascii ? *at : byte_offset(text.bytes, *at);
      const size_t begin = end;
      next_code_point(text.bytes, end);
      return heap.text(text.bytes.substr(begin, end - begin), object.markup());
    }
    case Kind::range: {
      if (!key.is_integral()) return std::nullopt;
      const Range& range = object.object<Range>();
      const auto at = position(key.as_integer(), static_cast<size_t>(range.length));
      if (!at) return std::nullopt;
      return Value::integer(static_cast<int64_t>(static_cast<uint64_t>(range.start) +
                                                 *at * static_cast<uint64_t>(range.step)));
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

Value get_attribute(Interpreter& interpreter, const Value& object, std::string_view name) {
  if (object.is_undefined()) raise_undefined(object);
  if (auto value = find_attribute(interpreter, object, name)) return *std::move(value);
  if (object.is(Kind::dict)) {
    if (const Value* value = object.dict().find(name)) return *value;
  }
  return missing_attribute(interpreter.heap(), object, name);
}

Value get_item(Interpreter& interpreter, const Value& object, const Value& key) {
  if (object.is_undefined()) raise_undefined(object);
  Heap& heap = interpreter.heap();
  if (auto value = subscript(heap, object, key)) return *std::move(value);
  if (key.is_string()) {
    if (auto value = find_attribute(interpreter, object, key.str())) return *std::move(value);
  }
  return missing_element(heap, object, key);
}

namespace {

struct Span {
  int64_t start, step, count;
};

// PySlice_AdjustIndices.
Span resolve_slice(const Value& start, const Value& stop, const Value& step, int64_t length) {
  const auto index = [](const Value& value, int64_t otherwise) {
    if (value.is_none()) return otherwise;
    if (!value.is_integral()) {
      raise("slice indices must be integers or None or have an __index__ method");
    }
    return value.as_integer();
  };
  const int64_t stride = index(step, 1);
  if (stride == 0) raise("slice step cannot be zero");
  const bool back = stride < 0;
  const auto clamp = [&](int64_t i) {
    if (i < 0) {
      i = i < -length ? -1 : i + length;
      return i < 0 ? (back ? int64_t{-1} : int64_t{0}) : i;
    }
    return i >= length ? (back ? length - 1 : length) : i;
  };
  const int64_t first = start.is_none() ? (back ? length - 1 : 0) : clamp(index(start, 0));
  const int64_t last = stop.is_none() ? (back ? -1 : length) : clamp(index(stop, 0));
  // -(stride + 1) + 1 keeps the most negative stride in range.
  const uint64_t width =
      back ? static_cast<uint64_t>(-(stride + 1)) + 1 : static_cast<uint64_t>(stride);
  const int64_t distance = back ? first - last : last - first;
  const int64_t count =
      distance <= 0 ? 0 : static_cast<int64_t>((static_cast<uint64_t>(distance) - 1) / width) + 1;
  return {first, stride, count};
}

}  // namespace

Value get_slice(Heap& heap, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  if (object.is_undefined()) raise_undefined(object);
  switch (object.kind()) {
    case Kind::string: {
      const Text& text = object.text();
      const Span span = resolve_slice(start, stop, step, static_cast<int64_t>(text.length));
      heap.step(1 + text.bytes.size() / 64);
      if (span.step == 1) {
        const size_t begin = byte_offset(text.bytes, static_cast<size_t>(span.start));
        const std::string_view rest = std::string_view(text.bytes).substr(begin);
        return heap.text(
            std::string(rest.substr(0, byte_offset(rest, static_cast<size_t>(span.count)))),
            object.markup());
      }
      heap.check(text.length * sizeof(char32_t));
      std::u32string points;
      for (size_t pos = 0; pos < text.bytes.size();) points += next_code_point(text.bytes, pos);
      TextBuilder out(heap);
      for (int64_t i = 0, at = span.start; i < span.count; ++i) {
        out.append_code_point(points[static_cast<size_t>(at)]);
        if (i + 1 < span.count) at += span.step;
      }
      return heap.text(out.take(), object.markup());
    }
    case Kind::list:
    case Kind::tuple: {
      const auto& items = object.items();
      const Span span = resolve_slice(start, stop, step, static_cast<int64_t>(items.size()));
      heap.step(static_cast<size_t>(span.count));
      heap.check(static_cast<size_t>(span.count) * sizeof(Value));
      std::vector<Value> part;
      part.reserve(static_cast<size_t>(span.count));
      for (int64_t i = 0, at = span.start; i < span.count; ++i) {
        part.push_back(items[static_cast<size_t>(at)]);
        if (i + 1 < span.count) at += span.step;
      }
      return object.is(Kind::list) ? heap.list(std::move(part)) : heap.tuple(std::move(part));
    }
    case Kind::range: {
      const Range& range = object.object<Range>();
      const Span span = resolve_slice(start, stop, step, range.length);
      std::vector<Value> part;
      heap.step(static_cast<size_t>(span.count));
      for (int64_t i = 0, at = span.start; i < span.count; ++i) {
        part.push_back(*subscript(heap, object, Value::integer(at)));
        if (i + 1 < span.count) at += span.step;
      }
      return heap.list(std::move(part));
    }
    case Kind::dict:
      raise("unhashable type: 'slice'");
    default:
      raise("'{}' object is not subscriptable", type_name(object));
  }
}

}  // namespace tarn::text::jinja
