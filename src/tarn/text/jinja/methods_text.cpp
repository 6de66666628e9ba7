// The methods of str that build new strings or search.
#include <algorithm>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/html.h"
#include "tarn/text/jinja/methods.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/split.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

using Mapping = std::string (*)(std::string_view);

template <Mapping map>
Value mapped(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound none("str method", args, {});
  interpreter.heap().check(3 * self.str().size());
  return interpreter.heap().text(map(self.str()), self.markup());
}

// The text of an argument that goes into `self`: escaped when self is marked and it is not.
std::string argument_text(Heap& heap, const Value& self, const Value& argument,
                          const char* method) {
  if (argument.is_undefined()) raise_undefined(argument);
  if (!argument.is_string()) {
    raise("{}() argument must be str, not {}", method, type_name(argument));
  }
  return self.markup() ? escaped_text(heap, argument) : argument.str();
}

template <bool left, bool right>
Value stripped(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("strip", args, {"chars"});
  const std::string_view text = self.str();
  const std::string_view kept =
      bound.absent(0) ? strip(text, left, right) : strip(text, left, right, bound.text(0));
  return interpreter.heap().text(std::string(kept), self.markup());
}

// The most parts that cutting can give, spent before the list of them is built.
void spend_parts(Heap& heap, std::string_view text, std::string_view separator) {
  size_t count = 1 + text.size() / 64;
  if (separator.empty()) {
    for (const char c : text)
      count += static_cast<unsigned char>(c) <= ' ' || c == '\xc2' || c == '\xe2';
  } else {
    for (size_t at = 0; (at = text.find(separator, at)) != std::string_view::npos; ++count) {
      at += separator.size();
    }
  }
  heap.step(count);
  heap.check(count * sizeof(Value));
}

Value texts(Heap& heap, const std::vector<std::string_view>& parts, bool markup) {
  heap.check(parts.size() * sizeof(Value));
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(heap.text(std::string(part), markup));
  return heap.list(std::move(items));
}

template <bool from_right>
Value split_method(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("split", args, {"sep", "maxsplit"});
  const int64_t most = bound.integer(1, -1);
  if (bound.absent(0)) {
    spend_parts(interpreter.heap(), self.str(), {});
    const auto parts =
        from_right ? split_spaces_right(self.str(), most) : split_spaces(self.str(), most);
    return texts(interpreter.heap(), parts, self.markup());
  }
  const std::string& separator = bound.text(0);
  if (separator.empty()) raise("empty separator");
  spend_parts(interpreter.heap(), self.str(), separator);
  const auto parts = from_right ? split_text_right(self.str(), separator, most)
                                : split_text(self.str(), separator, most);
  return texts(interpreter.heap(), parts, self.markup());
}

Value split_lines_method(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("splitlines", args, {"keepends"});
  spend_parts(interpreter.heap(), self.str(), {});
  return texts(interpreter.heap(), split_lines(self.str(), bound.truth(0, false)), self.markup());
}

Value join_method(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("join", args, {"iterable"}, 1);
  Heap& heap = interpreter.heap();
  if (!is_iterable(*bound[0])) raise("can only join an iterable");
  TextBuilder out(heap);
  Cursor cursor(heap, *bound[0]);
  size_t index = 0;
  for (Value item; cursor.next(item); ++index) {
    if (index > 0) out.append(self.str());
    if (self.markup()) {
      out.append(escaped_text(heap, item));
      continue;
    }
    if (!item.is_string()) {
      raise("sequence item {}: expected str instance, {} found", index, type_name(item));
    }
    out.append(item.str());
  }
  return heap.text(out.take(), self.markup());
}

Value replace_method(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("replace", args, {"old", "new", "count"}, 2);
  Heap& heap = interpreter.heap();
  const std::string from = argument_text(heap, self, *bound[0], "replace");
  const std::string to = argument_text(heap, self, *bound[1], "replace");
  return heap.text(replaced(heap, self.str(), from, to, bound.integer(2, -1)), self.markup());
}

// The part of the text between the code points `start` and `stop` as bytes; nothing when start
// lies behind the end, where not even the empty string is found.
std::optional<std::pair<size_t, size_t>> window(const Value& self, const Bound& bound) {
  const Text& text = self.text();
  const auto size = static_cast<int64_t>(text.length);
  const auto clamp = [&](int64_t i) { return std::max<int64_t>(i < 0 ? i + size : i, 0); };
  const int64_t start = bound.absent(1) ? 0 : clamp(bound.integer(1, 0));
  const int64_t stop = bound.absent(2) ? size : std::min(clamp(bound.integer(2, 0)), size);
  if (start > stop) return std::nullopt;
  return std::pair{byte_offset(text.bytes, static_cast<size_t>(start)),
                   byte_offset(text.bytes, static_cast<size_t>(stop))};
}

int64_t find_text(Interpreter& interpreter, const Value& self, const Bound& bound, bool last) {
  const std::string& needle = bound.text(0);
  const auto span = window(self, bound);
  interpreter.heap().step(1 + self.str().size() / 64);
  if (!span) return -1;
  const std::string_view text = std::string_view(self.str()).substr(0, span->second);
  size_t at = std::string_view::npos;
  if (!last) {
    at = text.find(needle, span->first);
  } else {
    at = text.rfind(needle);
    if (at != std::string_view::npos && at < span->first) at = std::string_view::npos;
  }
  if (at == std::string_view::npos) return -1;
  return static_cast<int64_t>(count_code_points(text.substr(0, at)));
}

template <bool last, bool must>
Value find_method(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("find", args, {"sub", "start", "end"}, 1);
  const int64_t at = find_text(interpreter, self, bound, last);
  if (must && at < 0) raise("substring not found");
  return Value::integer(at);
}

Value count_method(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("count", args, {"sub", "start", "end"}, 1);
  const std::string& needle = bound.text(0);
  const auto span = window(self, bound);
  interpreter.heap().step(1 + self.str().size() / 64);
  if (!span) return Value::integer(0);
  const std::string_view text =
      std::string_view(self.str()).substr(span->first, span->second - span->first);
  if (needle.empty()) return Value::integer(static_cast<int64_t>(count_code_points(text)) + 1);
  int64_t count = 0;
  for (size_t at = 0; (at = text.find(needle, at)) != std::string_view::npos; at += needle.size()) {
    ++count;
  }
  return Value::integer(count);
}

template <bool at_end>
Value affix_method(Interpreter&, const Value& self, const Args& args) {
  const char* const name = at_end ? "endswith" : "startswith";
  const Bound bound(name, args, {"affix", "start", "end"}, 1);
  const auto span = window(self, bound);
  const auto matches = [&](const Value& affix) {
    if (affix.is_undefined()) raise_undefined(affix);
    if (!affix.is_string()) {
      raise("{} first arg must be str or a tuple of str, not {}", name, type_name(affix));
    }
    if (!span) return false;
    const std::string_view text =
        std::string_view(self.str()).substr(span->first, span->second - span->first);
    return at_end ? text.ends_with(affix.str()) : text.starts_with(affix.str());
  };
  if (!bound[0]->is(Kind::tuple)) return Value::boolean(matches(*bound[0]));
  const auto& affixes = bound[0]->items();
  return Value::boolean(std::any_of(affixes.begin(), affixes.end(), matches));
}

template <bool suffix>
Value remove_affix(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound(suffix ? "removesuffix" : "removeprefix", args, {"affix"}, 1);
  std::string_view text = self.str();
  const std::string& affix = bound.text(0);
  if (suffix && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!suffix && text.starts_with(affix)) text.remove_prefix(affix.size());
  return interpreter.heap().text(std::string(text), self.markup());
}

enum class Side { left, right, both };

template <Side side>
Value justified(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("just", args, {"width", "fillchar"}, 1);
  Heap& heap = interpreter.heap();
  std::string fill = bound.given(1) ? bound.text(1) : " ";
  if (count_code_points(fill) != 1) raise("The fill character must be exactly one character long");
  const auto length = static_cast<int64_t>(self.text().length);
  const int64_t width = bound.integer(0, 0);
  const int64_t missing = width > length ? width - length : 0;
  // Where Python puts the odd one when it centres.
  const int64_t left = side == Side::left    ? 0
                       : side == Side::right ? missing
                                             : missing / 2 + (missing & width & 1);
  heap.check(static_cast<size_t>(missing));
  TextBuilder out(heap);
  for (int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(self.str());
  for (int64_t i = left; i < missing; ++i) out.append(fill);
  return heap.text(out.take(), self.markup());
}

Value zero_filled(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("zfill", args, {"width"}, 1);
  const std::string& text = self.str();
  const auto length = static_cast<int64_t>(self.text().length);
  const int64_t missing = bound.integer(0, 0) > length ? bound.integer(0, 0) - length : 0;
  const size_t sign = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  TextBuilder out(interpreter.heap());
  out.append(std::string_view(text).substr(0, sign));
  out.append(static_cast<size_t>(missing), '0');
  out.append(std::string_view(text).substr(sign));
  return interpreter.heap().text(out.take(), self.markup());
}

template <bool last>
Value partition(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("partition", args, {"sep"}, 1);
  Heap& heap = interpreter.heap();
  const std::string& text = self.str();
  const std::string& separator = bound.text(0);
  if (separator.empty()) raise("empty separator");
  const size_t at = last ? text.rfind(separator) : text.find(separator);
  const auto part = [&](std::string bytes) { return heap.text(std::move(bytes), self.markup()); };
  if (at == std::string::npos) {
    return last ? heap.tuple({part(""), part(""), self}) : heap.tuple({self, part(""), part("")});
  }
  return heap.tuple(
      {part(text.substr(0, at)), part(separator), part(text.substr(at + separator.size()))});
}

Value expand_tabs(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("expandtabs", args, {"tabsize"});
  const int64_t size = bound.integer(0, 8);
  TextBuilder out(interpreter.heap());
  int64_t column = 0;
  const std::string& text = self.str();
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    if (c == '\t') {
      if (size > 0) {
        out.append(static_cast<size_t>(size - column % size), ' ');
        column += size - column % size;
      }
      continue;
    }
    out.append_code_point(c);
    column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return interpreter.heap().text(out.take(), self.markup());
}

// str.format: fields {0}, {name}, {a.b[c]!r:spec}, with the sandbox's attribute access.
class Formatter {
 public:
  Formatter(Interpreter& interpreter, const Args& args) : interpreter_(interpreter), args_(args) {}

  std::string format(std::string_view text, int level = 0) {
    if (level > 2) raise("Max string recursion exceeded");
    TextBuilder out(interpreter_.heap());
    for (size_t pos = 0; pos < text.size();) {
      const size_t mark = std::min(text.find_first_of("{}", pos), text.size());
      out.append(text.substr(pos, mark - pos));
      pos = mark;
      if (pos == text.size()) break;
      const char c = text[pos];
      if (pos + 1 < text.size() && text[pos + 1] == c) {
        out.append({&c, 1});
        pos += 2;
        continue;
      }
      if (c == '}') raise("Single '}}' encountered in format string");
      const size_t end = field_end(text, pos + 1);
      out.append(field(text.substr(pos + 1, end - pos - 1), level));
      pos = end + 1;
    }
    return out.take();
  }

 private:
  static size_t field_end(std::string_view text, size_t pos) {
    for (int open = 1; pos < text.size(); ++pos) {
      if (text[pos] == '{') ++open;
      if (text[pos] == '}' && --open == 0) return pos;
    }
    raise("expected '}}' before end of string");
  }

  std::string field(std::string_view field, int level) {
    const size_t name_end = std::min(field.find_first_of("!:"), field.size());
    const Value value = lookup(field.substr(0, name_end));
    std::string_view rest = field.substr(name_end);
    Heap& heap = interpreter_.heap();
    Value shown = value;
    if (rest.starts_with('!')) {
      if (rest.size() < 2) raise("end of string while looking for conversion specifier");
      const char conversion = rest[1];
      if (conversion != 's' && conversion != 'r' && conversion != 'a') {
        raise("Unknown conversion specifier {}", conversion);
      }
      shown = heap.text(conversion == 's' ? to_str(heap, value) : to_repr(heap, value));
      rest.remove_prefix(2);
      if (!rest.empty() && rest[0] != ':') raise("expected ':' after conversion specifier");
    }
    if (!rest.empty()) rest.remove_prefix(1);
    return format_value(heap, shown, format(rest, level + 1));
  }

  Value lookup(std::string_view name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, end));
    for (size_t pos = end; pos < name.size();) {
      if (name[pos] == '.') {
        const size_t stop = std::min(name.find_first_of(".[", pos + 1), name.size());
        value = get_attribute(interpreter_, value, name.substr(pos + 1, stop - pos - 1));
        pos = stop;
      } else {
        const size_t stop = name.find(']', pos);
        if (name[pos] != '[' || stop == std::string_view::npos)
          raise("Missing ']' in format string");
        const std::string_view key = name.substr(pos + 1, stop - pos - 1);
        value = get_item(interpreter_, value, number_or_text(key));
        pos = stop + 1;
      }
    }
    return value;
  }

  Value number_or_text(std::string_view key) {
    const bool number = !key.empty() && key.size() < 18 &&
                        key.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number) return interpreter_.heap().text(std::string(key));
    return Value::integer(std::stoll(std::string(key)));
  }

  Value argument(std::string_view name) {
    if (name.empty()) return positional(next_++);
    const Value key = number_or_text(name);
    if (key.is_integral()) return positional(static_cast<size_t>(key.as_integer()));
    const Value* value = args_.find(name);
    if (!value) raise("KeyError: '{}'", name);
    return *value;
  }

  const Value& positional(size_t index) {
    if (index >= args_.positional.size()) {
      raise("Replacement index {} out of range for positional args tuple", index);
    }
    return args_.positional[index];
  }

  Interpreter& interpreter_;
  const Args& args_;
  size_t next_ = 0;
};

Value format_method(Interpreter& interpreter, const Value& self, const Args& args) {
  if (!self.markup()) {
    return interpreter.heap().text(Formatter(interpreter, args).format(self.str()));
  }
  Args marked;
  Heap& heap = interpreter.heap();
  for (const Value& value : args.positional)
    marked.positional.push_back(escaped_arguments(heap, value));
  for (const auto& [name, value] : args.named) {
    marked.named.emplace_back(name, escaped_arguments(heap, value));
  }
  return heap.text(Formatter(interpreter, marked).format(self.str()), true);
}

Value format_map_method(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound bound("format_map", args, {"mapping"}, 1);
  if (!bound[0]->is(Kind::dict)) raise("format_map() takes a mapping");
  Args spread;
  for (const auto& [key, value] : bound[0]->dict().entries) {
    if (key.is_string()) spread.named.emplace_back(key.str(), value);
  }
  return format_method(interpreter, self, spread);
}

Value unsupported_method(Interpreter&, const Value&, const Args&) {
  raise("encode, maketrans and translate are not supported: templates work on text");
}

}  // namespace

MethodTable text_methods() {
  static const MethodTable table = {
      {"capitalize", mapped<capitalized>},
      {"casefold", mapped<to_casefold>},
      {"lower", mapped<to_lower>},
      {"swapcase", mapped<case_swapped>},
      {"title", mapped<titled>},
      {"upper", mapped<to_upper>},
      {"strip", stripped<true, true>},
      {"lstrip", stripped<true, false>},
      {"rstrip", stripped<false, true>},
      {"split", split_method<false>},
      {"rsplit", split_method<true>},
      {"splitlines", split_lines_method},
      {"join", join_method},
      {"replace", replace_method},
      {"find", find_method<false, false>},
      {"rfind", find_method<true, false>},
      {"index", find_method<false, true>},
      {"rindex", find_method<true, true>},
      {"count", count_method},
      {"startswith", affix_method<false>},
      {"endswith", affix_method<true>},
      {"removeprefix", remove_affix<false>},
      {"removesuffix", remove_affix<true>},
      {"ljust", justified<Side::left>},
      {"rjust", justified<Side::right>},
      {"center", justified<Side::both>},
      {"zfill", zero_filled},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"expandtabs", expand_tabs},
      {"format", format_method},
      {"format_map", format_map_method},
      {"encode", unsupported_method},
      {"maketrans", unsupported_method},
      {"translate", unsupported_method},
  };
  return table;
}

}  // namespace tarn::text::jinja
