// Filters that walk a sequence at once.
#include <algorithm>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/filters.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/split.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

Value folded(Heap& heap, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  return heap.text(to_lower(value.str()));
}

using Keyed = std::pair<Value, Value>;  // a sort key and its item

void sort_by_key(Heap& heap, std::vector<Keyed>& items, bool reverse) {
  stable_sort_values(items, [&](const Keyed& a, const Keyed& b) {
    heap.step();
    return reverse ? less(b.first, a.first) : less(a.first, b.first);
  });
}

Value items_of(Heap& heap, std::vector<Keyed>& keyed) {
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (Keyed& entry : keyed) items.push_back(std::move(entry.second));
  return heap.list(std::move(items));
}

Value join(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("join", args, {"d", "attribute"});
  Heap& heap = interpreter.heap();
  const std::string separator = bound.given(0) ? to_str(heap, *bound[0]) : "";
  const AttributePath path(interpreter, bound[1]);
  TextBuilder out(heap);
  Cursor cursor(heap, input);
  bool first = true;
  for (Value item; cursor.next(item); first = false) {
    if (!first) out.append(separator);
    append_str(out, path.get(item));
  }
  return heap.text(out.take());
}

Value list(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("list", args, {});
  return interpreter.heap().list(collect(interpreter.heap(), input));
}

Value first(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("first", args, {});
  Cursor cursor(interpreter.heap(), input);
  Value item;
  if (cursor.next(item)) return item;
  return interpreter.heap().undefined("No first item, sequence was empty.");
}

Value last(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("last", args, {});
  if (input.is(Kind::iterator) || !is_iterable(input)) {
    raise("'{}' object is not reversible", type_name(input));
  }
  const int64_t size = length_of(input);
  if (size == 0) return interpreter.heap().undefined("No last item, sequence was empty.");
  if (input.is_string() || input.is_sequence() || input.is(Kind::range)) {
    return get_item(interpreter, input, Value::integer(size - 1));
  }
  return collect(interpreter.heap(), input).back();
}

Value reverse(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("reverse", args, {});
  Heap& heap = interpreter.heap();
  if (input.is_string()) return get_slice(heap, input, Value(), Value(), Value::integer(-1));
  if (!is_iterable(input)) raise("argument must be iterable");
  std::vector<Value> items = collect(heap, input);
  std::reverse(items.begin(), items.end());
  Value reversed = heap.list(std::move(items));
  if (input.is(Kind::iterator)) return reversed;
  auto next = [cursor = Cursor(heap, reversed)](Value& out) mutable { return cursor.next(out); };
  return heap.iterator("list_reverseiterator", std::move(next), reversed);
}

Value sort(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("sort", args, {"reverse", "case_sensitive", "attribute"});
  Heap& heap = interpreter.heap();
  const bool case_sensitive = bound.truth(1, false);
  std::vector<AttributePath> paths;
  if (bound.given(2) && bound[2]->is_string()) {
    for (const std::string_view part : split_text(bound.text(2), ",", -1)) {
      const Value path = heap.text(std::string(part));
      paths.emplace_back(interpreter, &path);
    }
  } else {
    paths.emplace_back(interpreter, bound[2]);
  }
  std::vector<Keyed> keyed;
  for (Value& item : collect(heap, input)) {
    std::vector<Value> key;
    for (const AttributePath& path : paths) {
      key.push_back(folded(heap, path.get(item), case_sensitive));
    }
    keyed.emplace_back(heap.list(std::move(key)), std::move(item));
  }
  sort_by_key(heap, keyed, bound.truth(0, false));
  return items_of(heap, keyed);
}

Value dictsort(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("dictsort", args, {"case_sensitive", "by", "reverse"});
  Heap& heap = interpreter.heap();
  const std::string by = bound.given(1) ? bound.text(1) : "key";
  if (by != "key" && by != "value") raise("You can only sort by either \"key\" or \"value\"");
  if (input.is_undefined()) raise_undefined(input);
  if (!input.is(Kind::dict)) raise("'{}' object has no attribute 'items'", type_name(input));
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : input.dict().entries) {
    keyed.emplace_back(folded(heap, by == "key" ? key : value, bound.truth(0, false)),
                       heap.pair(key, value));
  }
  sort_by_key(heap, keyed, bound.truth(2, false));
  return items_of(heap, keyed);
}

Value groupby(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("groupby", args, {"attribute", "default", "case_sensitive"}, 1);
  Heap& heap = interpreter.heap();
  AttributePath path(interpreter, bound[0]);
  path.set_default(bound[1]);
  const bool case_sensitive = bound.truth(2, false);
  std::vector<Keyed> keyed;
  for (Value& item : collect(heap, input)) {
    Value key = folded(heap, path.get(item), case_sensitive);
    keyed.emplace_back(std::move(key), std::move(item));
  }
  sort_by_key(heap, keyed, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    size_t end = begin;
    std::vector<Value> members;
    while (end < keyed.size() && equal(keyed[end].first, keyed[begin].first)) {
      members.push_back(keyed[end++].second);
    }
    Value label = case_sensitive ? keyed[begin].first : path.get(members.front());
    groups.push_back(heap.grouped(std::move(label), heap.list(std::move(members))));
    begin = end;
  }
  return heap.list(std::move(groups));
}

Value sum(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("sum", args, {"attribute", "start"});
  Heap& heap = interpreter.heap();
  const AttributePath path(interpreter, bound[0]);
  Value total = bound.given(1) ? *bound[1] : Value::integer(0);
  if (total.is_string()) raise("sum() can't sum strings [use ''.join(seq) instead]");
  Cursor cursor(heap, input);
  for (Value item; cursor.next(item);)
    total = arithmetic(heap, Operator::add, total, path.get(item));
  return total;
}

Value extreme(Interpreter& interpreter, const Value& input, const Args& args, bool largest) {
  const Bound bound(largest ? "max" : "min", args, {"case_sensitive", "attribute"});
  Heap& heap = interpreter.heap();
  const AttributePath path(interpreter, bound[1]);
  Cursor cursor(heap, input);
  Value best;
  if (!cursor.next(best)) return heap.undefined("No aggregated item, sequence was empty.");
  Value best_key = folded(heap, path.get(best), bound.truth(0, false));
  for (Value item; cursor.next(item);) {
    Value key = folded(heap, path.get(item), bound.truth(0, false));
    if (!(largest ? less(best_key, key) : less(key, best_key))) continue;
    best = item;
    best_key = std::move(key);
  }
  return best;
}

Value min(Interpreter& interpreter, const Value& input, const Args& args) {
  return extreme(interpreter, input, args, false);
}

Value max(Interpreter& interpreter, const Value& input, const Args& args) {
  return extreme(interpreter, input, args, true);
}

Value random(Interpreter&, const Value&, const Args&) {
  raise("the filter random is not supported: the same conversation must give the same prompt");
}

}  // namespace

FilterTable sequence_filters() {
  static const FilterTable table = {
      {"dictsort", dictsort}, {"first", first},     {"groupby", groupby}, {"join", join},
      {"last", last},         {"list", list},       {"max", max},         {"min", min},
      {"random", random},     {"reverse", reverse}, {"sort", sort},       {"sum", sum},
  };
  return table;
}

}  // namespace tarn::text::jinja
