// Filters from text to text.
#include <algorithm>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/filters.h"
#include "tarn/text/jinja/html.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/split.h"
#include "tarn/text/jinja/unicode.h"
#include "tarn/text/jinja/wrap.h"

namespace tarn::text::jinja {
namespace {

const std::string& required_text(const Value& value, const char* filter) {
  if (value.is_undefined()) raise_undefined(value);
  if (!value.is_string()) raise("{}: '{}' object is not a str", filter, type_name(value));
  return value.str();
}

// The filters that are a method of str under the same name.
Value call_method(Interpreter& interpreter, const Value& input, const char* name, Args args) {
  const Value text = soft_text(interpreter.heap(), input);
  return interpreter.call(get_attribute(interpreter, text, name), std::move(args));
}

Value upper(Interpreter& interpreter, const Value& input, const Args& args) {
  return call_method(interpreter, input, "upper", args);
}

Value lower(Interpreter& interpreter, const Value& input, const Args& args) {
  return call_method(interpreter, input, "lower", args);
}

Value capitalize(Interpreter& interpreter, const Value& input, const Args& args) {
  return call_method(interpreter, input, "capitalize", args);
}

Value trim(Interpreter& interpreter, const Value& input, const Args& args) {
  return call_method(interpreter, input, "strip", args);
}

Value center(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("center", args, {"width"});
  return call_method(interpreter, input, "center", {{Value::integer(bound.integer(0, 80))}, {}});
}

Value title(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("title", args, {});
  Heap& heap = interpreter.heap();
  const Value text = soft_text(heap, input);
  heap.check(3 * text.str().size());
  const auto separates = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  std::string out;
  const std::string& source = text.str();
  for (size_t pos = 0; pos < source.size();) {
    size_t end = pos;
    const bool separator = separates(next_code_point(source, end));
    const size_t first_end = end;
    while (end < source.size()) {
      size_t next = end;
      if (separates(next_code_point(source, next)) != separator) break;
      end = next;
    }
    out += to_upper(std::string_view(source).substr(pos, first_end - pos));
    out += to_lower(std::string_view(source).substr(first_end, end - first_end));
    pos = end;
  }
  return heap.text(std::move(out));
}

Value replace(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("replace", args, {"old", "new", "count"}, 2);
  Heap& heap = interpreter.heap();
  const int64_t most = bound.absent(2) ? -1 : bound.integer(2, -1);
  return heap.text(
      replaced(heap, to_str(heap, input), to_str(heap, *bound[0]), to_str(heap, *bound[1]), most));
}

Value indent(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("indent", args, {"width", "first", "blank"});
  Heap& heap = interpreter.heap();
  std::string margin;
  if (bound.given(0) && bound[0]->is_string()) {
    margin = bound.text(0);
  } else {
    const int64_t width = std::max<int64_t>(0, bound.integer(0, 4));
    heap.check(static_cast<size_t>(width));
    margin.assign(static_cast<size_t>(width), ' ');
  }
  const std::string text = required_text(input, "indent") + "\n";
  TextBuilder out(heap);
  if (bound.truth(1, false)) out.append(margin);
  bool first = true;
  for (const std::string_view line : split_lines(text, false)) {
    if (!first) {
      out.append("\n");
      if (bound.truth(2, false) || !line.empty()) out.append(margin);
    }
    first = false;
    out.append(line);
  }
  return heap.text(out.take(), input.markup());
}

Value truncate(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("truncate", args, {"length", "killwords", "end", "leeway"});
  const std::string& text = required_text(input, "truncate");
  const std::string end = bound.given(2) ? bound.text(2) : "...";
  const int64_t length = bound.integer(0, 255);
  const int64_t leeway = bound.absent(3) ? 5 : bound.integer(3, 5);
  const auto end_length = static_cast<int64_t>(count_code_points(end));
  if (length < end_length) raise("expected length >= {}, got {}", end_length, length);
  if (leeway < 0) raise("expected leeway >= 0, got {}", leeway);
  const auto text_length = static_cast<int64_t>(input.text().length);
  if (text_length - length <= leeway) return input;
  std::string_view kept =
      std::string_view(text).substr(0, byte_offset(text, static_cast<size_t>(length - end_length)));
  if (!bound.truth(1, false)) {
    const size_t space = kept.rfind(' ');
    if (space != std::string_view::npos) kept = kept.substr(0, space);
  }
  return interpreter.heap().text(std::string(kept) + end, input.markup());
}

Value word_wrap(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("wordwrap", args,
                    {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  Heap& heap = interpreter.heap();
  const std::string separator = bound.absent(2) ? "\n" : bound.text(2);
  const int64_t width = bound.integer(0, 79);
  if (width <= 0) raise("invalid width {} (must be > 0)", width);
  const WrapOptions options{static_cast<size_t>(width), bound.truth(1, true), bound.truth(3, true)};
  TextBuilder out(heap);
  bool first_line = true;
  for (const std::string_view line : split_lines(required_text(input, "wordwrap"), false)) {
    if (!first_line) out.append(separator);
    first_line = false;
    bool first_part = true;
    heap.step(1 + line.size());
    for (const std::string& part : wrap_line(line, options)) {
      if (!first_part) out.append(separator);
      first_part = false;
      out.append(part);
    }
  }
  return heap.text(out.take());
}

Value word_count(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("wordcount", args, {});
  const std::string text = to_str(interpreter.heap(), input);
  int64_t words = 0;
  bool in_word = false;
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    const bool word = c == '_' || is_alpha(c) || is_numeric(c);
    words += word && !in_word;
    in_word = word;
  }
  return Value::integer(words);
}

Value format(Interpreter& interpreter, const Value& input, const Args& args) {
  Heap& heap = interpreter.heap();
  const Value text = soft_text(heap, input);
  if (!args.positional.empty() && !args.named.empty()) {
    raise("can't handle positional and keyword arguments at the same time");
  }
  if (args.named.empty()) {
    return arithmetic(heap, Operator::modulo, text, heap.tuple(args.positional));
  }
  auto dict = heap.new_dict();
  for (const auto& [name, value] : args.named) dict->set(heap.text(name), value);
  return arithmetic(heap, Operator::modulo, text, heap.dict(std::move(dict)));
}

Value string(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("string", args, {});
  return soft_text(interpreter.heap(), input);
}

Value safe(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("safe", args, {});
  return interpreter.heap().text(to_str(interpreter.heap(), input), true);
}

Value escape(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("escape", args, {});
  return interpreter.heap().text(escaped_text(interpreter.heap(), input), true);
}

Value force_escape(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("forceescape", args, {});
  Heap& heap = interpreter.heap();
  return heap.text(escape_html(heap, to_str(heap, input)), true);
}

Value striptags(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("striptags", args, {});
  Heap& heap = interpreter.heap();
  return heap.text(strip_tags(heap, to_str(heap, input)));
}

std::string url_quoted(Heap& heap, const Value& value, bool query) {
  TextBuilder out(heap);
  for (const char c : to_str(heap, value)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z') ||
                       c == '_' || c == '.' || c == '-' || c == '~' || (c == '/' && !query);
    if (plain) {
      out.append({&c, 1});
    } else if (c == ' ' && query) {
      out.append("+");
    } else {
      out.append(fmt::format("%{:02X}", byte));
    }
  }
  return out.take();
}

Value urlencode(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound none("urlencode", args, {});
  Heap& heap = interpreter.heap();
  if (input.is_string() || !is_iterable(input)) return heap.text(url_quoted(heap, input, false));
  const Value items =
      input.is(Kind::dict) ? heap.make<View>(Kind::view, View::What::items, input) : input;
  TextBuilder out(heap);
  Cursor cursor(heap, items);
  for (Value item; cursor.next(item);) {
    const std::vector<Value> pair = collect(heap, item);
    if (pair.size() != 2) raise("urlencode needs pairs of a key and a value");
    if (!out.bytes().empty()) out.append("&");
    out.append(url_quoted(heap, pair[0], true) + "=" + url_quoted(heap, pair[1], true));
  }
  return heap.text(out.take());
}

Value xmlattr(Interpreter& interpreter, const Value& input, const Args& args) {
  const Bound bound("xmlattr", args, {"autospace"});
  Heap& heap = interpreter.heap();
  if (input.is_undefined()) raise_undefined(input);
  if (!input.is(Kind::dict)) raise("'{}' object has no attribute 'items'", type_name(input));
  TextBuilder out(heap);
  for (const auto& [key, value] : input.dict().entries) {
    if (value.is_none() || value.is_undefined()) continue;
    const std::string& name = required_text(key, "xmlattr");
    if (name.find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      raise("Invalid character in attribute name: {}", to_repr(heap, key));
    }
    if (!out.bytes().empty() || bound.truth(0, true)) out.append(" ");
    out.append(escaped_text(heap, key) + "=\"" + escaped_text(heap, value) + "\"");
  }
  return heap.text(out.take());
}

Value urlize(Interpreter&, const Value&, const Args&) {
  raise("the filter urlize makes web pages and is not supported in chat templates");
}

}  // namespace

FilterTable text_filters() {
  static const FilterTable table = {
      {"capitalize", capitalize},
      {"center", center},
      {"e", escape},
      {"escape", escape},
      {"forceescape", force_escape},
      {"format", format},
      {"indent", indent},
      {"lower", lower},
      {"replace", replace},
      {"safe", safe},
      {"string", string},
      {"striptags", striptags},
      {"title", title},
      {"trim", trim},
      {"truncate", truncate},
      {"upper", upper},
      {"urlencode", urlencode},
      {"urlize", urlize},
      {"wordcount", word_count},
      {"wordwrap", word_wrap},
      {"xmlattr", xmlattr},
  };
  return table;
}

}  // namespace tarn::text::jinja
