// Jinja's filters, with tojson as transformers defines it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "tarn/text/jinja/arguments.h"
#include "tarn/text/jinja/heap.h"
#include "tarn/text/jinja/interpreter.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

using Filter = Value (*)(Interpreter&, const Value& input, const Args& args);
Filter find_filter(std::string_view name);  // null when there is none

// The parts of the table, one a file.
using FilterTable = std::initializer_list<std::pair<const char*, Filter>>;
FilterTable text_filters();
FilterTable value_filters();
FilterTable sequence_filters();
FilterTable lazy_filters();

// What filters take for text: a string as it is, anything else printed. The mark of escaped text
// stays.
Value soft_text(Heap& heap, const Value& value);

// The part of a value that an attribute path ("a.b.0") names; absent path: the value itself.
class AttributePath {
 public:
  AttributePath(Interpreter& interpreter, const Value* path);
  Value get(const Value& item) const;
  void set_default(const Value* value) { default_ = value && !value->is_none() ? *value : Value(); }
  int depth() const { return default_.depth(); }

 private:
  Interpreter* interpreter_;
  std::vector<Value> parts_;
  Value default_;
};

}  // namespace tarn::text::jinja
