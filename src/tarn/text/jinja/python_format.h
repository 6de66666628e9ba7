// Values as text, exactly as Python writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tarn/text/jinja/heap.h"
#include "tarn/text/jinja/value.h"

namespace tarn::text::jinja {

std::string repr_real(double value);  // the shortest text that reads back: 0.1, 1e+16, inf
// str(value): what {{ value }} prints.
void append_str(TextBuilder& out, const Value& value);
std::string to_str(Heap& heap, const Value& value);
void append_repr(TextBuilder& out, const Value& value);
std::string to_repr(Heap& heap, const Value& value);

struct JsonOptions {
  bool ensure_ascii = false;
  bool multiline = false;
  std::string indent;  // of one level, when multiline
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};
// json.dumps(value, ...).
std::string to_json(Heap& heap, const Value& value, const JsonOptions& options);

// A format specification of Python's, such as `>10,.2f`, applied to one value.
std::string format_value(Heap& heap, const Value& value, std::string_view specification);
// "text %s" % values.
std::string percent_format(Heap& heap, std::string_view format, const Value& values);

}  // namespace tarn::text::jinja
