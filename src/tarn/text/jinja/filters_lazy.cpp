// Filters that return generators: they work, and fail, as their result is walked.
#include <optional>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/filters.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

// A generator over `input`, which is not looked at before the first step.
template <typename Step>
Value generator(Interpreter& interpreter, const Value& input, const Args& args, Step step) {
  Heap& heap = interpreter.heap();
  // The arguments stay alive with the generator and count for its depth.
  std::vector<Value> held{input};
  held.insert(held.end(), args.positional.begin(), args.positional.end());
  for (const auto& [name, value] : args.named) held.push_back(value);
  auto next = [&heap, input, step = std::move(step),
               cursor = std::optional<Cursor>()](Value& out) mutable {
    if (!cursor) cursor.emplace(heap, input);
    return step(*cursor, out);
  };
  return heap.iterator("generator", std::move(next), heap.list(std::move(held)));
}

// The same for map, select and their kin, for which whatever is false is an empty sequence.
template <typename Step>
Value lenient_generator(Interpreter& interpreter, const Value& input, const Args& args, Step step) {
  const bool empty = !truthy(input);
  const Value source = empty ? interpreter.heap().list({}) : input;
  return generator(interpreter, source, args,
                   [empty, step = std::move(step)](Cursor& cursor, Value& out) mutable {
                     return !empty && step(cursor, out);
                   });
}

Args without_first(const Args& args, size_t count) {
  Args rest = args;
  const auto n = static_cast<std::ptrdiff_t>(std::min(count, rest.positional.size()));
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + n);
  return rest;
}

const std::string& filter_name(const Value& value, const char* kind) {
  if (!value.is_string()) raise("No {} named {}.", kind, type_name(value));
  return value.str();
}

Value map_attribute(Interpreter& interpreter, const Value& input, const Args& args) {
  for (const auto& [name, value] : args.named) {
    if (name != "attribute" && name != "default") raise("Unexpected keyword argument '{}'", name);
  }
  AttributePath path(interpreter, args.find("attribute"));
  path.set_default(args.find("default"));
  return lenient_generator(interpreter, input, args, [path](Cursor& cursor, Value& out) {
    Value item;
    if (!cursor.next(item)) return false;
    out = path.get(item);
    return true;
  });
}

Value map(Interpreter& interpreter, const Value& input, const Args& args) {
  if (args.positional.empty() && args.find("attribute")) {
    return map_attribute(interpreter, input, args);
  }
  return lenient_generator(
      interpreter, input, args,
      [&interpreter, args, rest = without_first(args, 1)](Cursor& cursor, Value& out) {
        if (args.positional.empty()) raise("map requires a filter argument");
        Value item;
        if (!cursor.next(item)) return false;
        const std::string& name = filter_name(args.positional[0], "filter");
        out = interpreter.apply_filter(name, item, rest);
        return true;
      });
}

// select, reject, selectattr and rejectattr.
template <bool wanted, bool by_attribute>
Value choose(Interpreter& interpreter, const Value& input, const Args& args) {
  constexpr size_t at = by_attribute ? 1 : 0;  // of the test's name
  auto step = [&interpreter, args, rest = without_first(args, at + 1)](Cursor& cursor, Value& out) {
    if (args.positional.size() < at) raise("Missing parameter for attribute name");
    const AttributePath path(interpreter, by_attribute ? &args.positional[0] : nullptr);
    while (cursor.next(out)) {
      const Value value = path.get(out);
      const bool holds =
          args.positional.size() > at
              ? interpreter.apply_test(filter_name(args.positional[at], "test"), value, rest)
              : truthy(value);
      if (holds == wanted) return true;
    }
    return false;
  };
  return lenient_generator(interpreter, input, args, std::move(step));
}

Value unique(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("unique", args, {"case_sensitive", "attribute"});
  Heap& heap = interpreter.heap();
  const AttributePath path(interpreter, bound[1]);
  return generator(interpreter, input, args,
                   [&heap, path, case_sensitive = bound.truth(0, false), seen = heap.new_dict()](
                       Cursor& cursor, Value& out) {
                     while (cursor.next(out)) {
                       Value key = path.get(out);
                       if (!case_sensitive && key.is_string()) key = heap.text(to_lower(key.str()));
                       if (seen->find(key)) continue;
                       seen->set(std::move(key), Value());
                       return true;
                     }
                     return false;
                   });
}

Value items(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("items", args, {});
  return generator(
      interpreter, input, args,
      [&heap = interpreter.heap(), input, index = size_t{0}](Cursor&, Value& out) mutable {
        if (input.is_undefined()) return false;
        if (!input.is(Kind::dict)) raise("Can only get item pairs from a mapping.");
        if (index >= input.dict().size()) return false;
        const auto& [key, value] = input.dict().entries[index++];
        out = heap.pair(key, value);
        return true;
      });
}

Value batch(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("batch", args, {"linecount", "fill_with"}, 1);
  const int64_t count = bound.integer(0, 0);
  const Value fill = bound.given(1) ? *bound[1] : Value();  // None: leave lists short
  Heap& heap = interpreter.heap();
  // A list is given out when the item after it arrives, so that a count below one gives them all.
  auto step = [&heap, count, fill, held = std::optional<Value>()](Cursor& cursor,
                                                                  Value& out) mutable {
    std::vector<Value> line;
    if (held) line.push_back(*held);
    held.reset();
    for (Value item; cursor.next(item);) {
      if (static_cast<int64_t>(line.size()) == count) {
        held = item;
        out = heap.list(std::move(line));
        return true;
      }
      heap.check((line.size() + 1) * sizeof(Value));
      line.push_back(item);
    }
    if (line.empty()) return false;
    if (!fill.is_none() && count > static_cast<int64_t>(line.size())) {
      heap.check(static_cast<size_t>(count) > SIZE_MAX / sizeof(Value)
                     ? SIZE_MAX
                     : static_cast<size_t>(count) * sizeof(Value));
      line.resize(static_cast<size_t>(count), fill);
    }
    out = heap.list(std::move(line));
    return true;
  };
  return generator(interpreter, input, args, std::move(step));
}

Value slice(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("slice", args, {"slices", "fill_with"}, 1);
  const int64_t slices = bound.integer(0, 0);
  const Value fill = bound.given(1) ? *bound[1] : Value();  // None: leave lists short
  Heap& heap = interpreter.heap();
  auto step = [&heap, slices, fill, items = std::optional<std::vector<Value>>(), begin = size_t{0},
               index = int64_t{0}](Cursor& cursor, Value& out) mutable {
    if (slices == 0) raise("integer division or modulo by zero");
    if (!items) {
      items.emplace();
      for (Value item; cursor.next(item);) items->push_back(item);
    }
    if (index >= slices) return false;
    const auto size = static_cast<int64_t>(items->size());
    const bool extra = index < size % slices;
    const auto count = static_cast<size_t>(size / slices + (extra ? 1 : 0));
    const auto first = items->begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<Value> part(first, first + static_cast<std::ptrdiff_t>(count));
    if (!fill.is_none() && !extra) part.push_back(fill);
    begin += count;
    ++index;
    out = heap.list(std::move(part));
    return true;
  };
  return generator(interpreter, input, args, std::move(step));
}

}  // namespace

FilterTable lazy_filters() {
  static const FilterTable table = {
      {"batch", batch},
      {"items", items},
      {"map", map},
      {"reject", choose<false, false>},
      {"rejectattr", choose<false, true>},
      {"select", choose<true, false>},
      {"selectattr", choose<true, true>},
      {"slice", slice},
      {"unique", unique},
  };
  return table;
}

}  // namespace tarn::text::jinja
