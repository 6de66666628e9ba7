// Python's operators on values, attribute and item access under the rules of Jinja's sandbox, and
// iteration. All of them fail with Failure.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "tarn/text/jinja/ast.h"
#include "tarn/text/jinja/heap.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

Value arithmetic(Heap& heap, Operator op, const Value& a, const Value& b);
Value negated(const Value& value, Operator op);  // or, with Operator::plus, as it is
bool compare(Heap& heap, Operator op, const Value& a, const Value& b);
bool less(const Value& a, const Value& b);
bool contains(Heap& heap, const Value& container, const Value& item);
// len(): fails on what has none.
int64_t length_of(const Value& value);
int64_t truncated(double value);  // int(value); fails when it is not finite or too large

// x.name and x[key]: undefined when there is nothing.
Value get_attribute(Interpreter& interpreter, const Value& object, std::string_view name);
Value get_item(Interpreter& interpreter, const Value& object, const Value& key);
Value get_slice(Heap& heap, const Value& object, const Value& start, const Value& stop,
                const Value& step);

// Walks what a for loop could walk.
class Cursor {
 public:
  Cursor(Heap& heap, const Value& iterable);  // fails on what is not iterable
  bool next(Value& out);

 private:
  Heap* heap_;
  Value source_;
  size_t index_ = 0;
  size_t byte_ = 0;  // in a string
};
bool is_iterable(const Value& value);
std::vector<Value> collect(Heap& heap, const Value& iterable);

// A merge sort that tolerates a comparison which throws, or is no order at all (with NaN).
template <typename T, typename Less>
void stable_sort_values(std::vector<T>& items, Less before) {
  if (items.size() < 2) return;
  std::vector<T> buffer(items);
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t low = 0; low < items.size(); low += 2 * width) {
      const size_t mid = std::min(low + width, items.size());
      const size_t high = std::min(low + 2 * width, items.size());
      for (size_t i = low, j = mid, k = low; k < high; ++k) {
        const bool second = i >= mid || (j < high && before(items[j], items[i]));
        buffer[k] = items[second ? j++ : i++];
      }
    }
    items.swap(buffer);
  }
}

}  // namespace tarn::text::jinja
