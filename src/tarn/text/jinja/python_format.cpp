#include "tarn/text/jinja/python_format.h"

#include <charconv>
#include <cmath>

#include "tarn/text/jinja/error.h"
#include "tarn/text/jinja/interpreter.h"
#include "tarn/text/jinja/loop.h"
#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

void append_repr_string(TextBuilder& out, std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out.append({&quote, 1});
  std::string piece;
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    piece.clear();
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      piece = {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      piece = "\\n";
    } else if (c == '\r') {
      piece = "\\r";
    } else if (c == '\t') {
      piece = "\\t";
    } else if (is_printable(c)) {
      append_code_point(piece, c);
    } else if (c < 0x100) {
      piece = fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
    } else if (c < 0x10000) {
      piece = fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      piece = fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
    }
    out.append(piece);
  }
  out.append({&quote, 1});
}

class Repr {
 public:
  explicit Repr(TextBuilder& out) : out_(out) {}

  void append(const Value& value) {
    switch (value.kind()) {
      case Kind::undefined:
        out_.append("Undefined");
        break;
      case Kind::none:
        out_.append("None");
        break;
      case Kind::boolean:
        out_.append(value.as_bool() ? "True" : "False");
        break;
      case Kind::integer:
        out_.append(fmt::format("{}", value.as_integer()));
        break;
      case Kind::real:
        out_.append(repr_real(value.as_real()));
        break;
      case Kind::string:
        if (value.markup()) out_.append("Markup(");
        append_repr_string(out_, value.str());
        if (value.markup()) out_.append(")");
        break;
      case Kind::list:
        append_items("[", value.items(), "]");
        break;
      case Kind::tuple:
        append_items("(", value.items(), value.items().size() == 1 ? ",)" : ")");
        break;
      case Kind::dict:
        append_dict(value.dict());
        break;
      case Kind::range:
        append_range(value.object<Range>());
        break;
      case Kind::view:
        append_view(value.object<View>());
        break;
      case Kind::name_space:
        append_namespace(value.space());
        break;
      case Kind::macro:
        out_.append(fmt::format("<Macro '{}'>", macro_name(value)));
        break;
      case Kind::loop: {
        Loop& loop = value.object<Loop>();
        out_.append(fmt::format("<LoopContext {}/{}>", loop.index0 + 1, loop.length()));
        break;
      }
      case Kind::callable:
        out_.append(fmt::format("<built-in method {}>", value.object<Callable>().name));
        break;
      case Kind::iterator:
      case Kind::cycler:
      case Kind::joiner:
        out_.append(fmt::format("<{} object>", type_name(value)));
        break;
    }
  }

 private:
  void append_items(const char* open, const std::vector<Value>& items, const char* close) {
    out_.append(open);
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_.append(", ");
      first = false;
      append(item);
    }
    out_.append(close);
  }

  void append_dict(const Dict& dict) {
    out_.append("{");
    bool first = true;
    for (const auto& [key, value] : dict.entries) {
      if (!first) out_.append(", ");
      first = false;
      append(key);
      out_.append(": ");
      append(value);
    }
    out_.append("}");
  }

  void append_range(const Range& range) {
    out_.append(fmt::format("range({}, {}", range.start, range.stop));
    if (range.step != 1) out_.append(fmt::format(", {}", range.step));
    out_.append(")");
  }

  void append_view(const View& view) {
    out_.append(view.what == View::What::keys     ? "dict_keys(["
                : view.what == View::What::values ? "dict_values(["
                                                  : "dict_items([");
    bool first = true;
    for (const auto& [key, value] : view.dict.dict().entries) {
      if (!first) out_.append(", ");
      first = false;
      if (view.what == View::What::items) out_.append("(");
      if (view.what != View::What::values) append(key);
      if (view.what == View::What::items) out_.append(", ");
      if (view.what != View::What::keys) append(value);
      if (view.what == View::What::items) out_.append(")");
    }
    out_.append("])");
  }

  // A namespace may hold itself.
  void append_namespace(const Namespace& space) {
    if (++namespaces_ > 50) raise("a namespace that contains itself cannot be printed");
    out_.append("<Namespace ");
    append_dict(space.attributes);
    out_.append(">");
    --namespaces_;
  }

  TextBuilder& out_;
  int namespaces_ = 0;
};

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonOptions& options) : out_(heap), options_(options) {}

  void append(const Value& value) {
    switch (value.kind()) {
      case Kind::none:
        out_.append("null");
        break;
      case Kind::boolean:
        out_.append(value.as_bool() ? "true" : "false");
        break;
      case Kind::integer:
        out_.append(fmt::format("{}", value.as_integer()));
        break;
      case Kind::real:
        out_.append(number(value.as_real()));
        break;
      case Kind::string:
        append_string(value.str());
        break;
      case Kind::list:
      case Kind::tuple:
        append_list(value.items());
        break;
      case Kind::dict:
        append_dict(value.dict());
        break;
      default:
        raise("Object of type {} is not JSON serializable", type_name(value));
    }
  }
  std::string take() { return out_.take(); }

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return repr_real(value);
  }

  void append_string(std::string_view text) {
    out_.append("\"");
    size_t plain = 0;  // where the run of characters that stand for themselves began
    for (size_t pos = 0; pos < text.size();) {
      const size_t begin = pos;
      const char32_t c = next_code_point(text, pos);
      if (c >= 0x20 && c != '"' && c != '\\' && (c < 0x7f || !options_.ensure_ascii)) {
        continue;
      }
      out_.append(text.substr(plain, begin - plain));
      plain = pos;
      append_escape(c);
    }
    out_.append(text.substr(plain));
    out_.append("\"");
  }

  void append_escape(char32_t c) {
    switch (c) {
      case '"':
        out_.append("\\\"");
        return;
      case '\\':
        out_.append("\\\\");
        return;
      case '\n':
        out_.append("\\n");
        return;
      case '\r':
        out_.append("\\r");
        return;
      case '\t':
        out_.append("\\t");
        return;
      case '\b':
        out_.append("\\b");
        return;
      case '\f':
        out_.append("\\f");
        return;
      default:
        break;
    }
    auto unit = static_cast<uint32_t>(c);
    if (unit >= 0x10000) {
      unit -= 0x10000;
      out_.append(fmt::format("\\u{:04x}", 0xd800 + (unit >> 10)));
      unit = 0xdc00 + (unit & 0x3ff);
    }
    out_.append(fmt::format("\\u{:04x}", unit));
  }

  void new_line() {
    if (!options_.multiline) return;
    out_.append("\n");
    for (int i = 0; i < level_; ++i) out_.append(options_.indent);
  }

  void append_list(const std::vector<Value>& items) {
    if (items.empty()) return out_.append("[]");
    out_.append("[");
    ++level_;
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_.append(options_.item_separator);
      first = false;
      new_line();
      append(item);
    }
    --level_;
    new_line();
    out_.append("]");
  }

  void append_key(const Value& key) {
    switch (key.kind()) {
      case Kind::string:
        append_string(key.str());
        break;
      case Kind::none:
        out_.append("\"null\"");
        break;
      case Kind::boolean:
        out_.append(key.as_bool() ? "\"true\"" : "\"false\"");
        break;
      case Kind::integer:
        out_.append(fmt::format("\"{}\"", key.as_integer()));
        break;
      case Kind::real:
        out_.append(fmt::format("\"{}\"", number(key.as_real())));
        break;
      default:
        raise("keys must be str, int, float, bool or None, not {}", type_name(key));
    }
  }

  void append_dict(const Dict& dict) {
    if (dict.size() == 0) return out_.append("{}");
    std::vector<const std::pair<Value, Value>*> entries;
    entries.reserve(dict.size());
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (options_.sort_keys) {
      stable_sort_values(entries,
                         [](const auto* a, const auto* b) { return less(a->first, b->first); });
    }
    out_.append("{");
    ++level_;
    bool first = true;
    for (const auto* entry : entries) {
      if (!first) out_.append(options_.item_separator);
      first = false;
      new_line();
      append_key(entry->first);
      out_.append(options_.key_separator);
      append(entry->second);
    }
    --level_;
    new_line();
    out_.append("}");
  }

  TextBuilder out_;
  const JsonOptions& options_;
  int level_ = 0;
};

}  // namespace

std::string repr_real(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  std::string out;
  if (text.front() == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  const size_t mark = text.find('e');
  std::string digits(text.substr(0, mark));
  if (digits.size() > 1) digits.erase(1, 1);  // the point
  int exponent = 0;
  const size_t number = mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + number, text.data() + text.size(), exponent);
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) {
    return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  }
  const auto whole = static_cast<size_t>(exponent + 1);
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

void append_str(TextBuilder& out, const Value& value) {
  if (value.is_string()) {
    out.append(value.str());
  } else if (!value.is_undefined()) {
    Repr(out).append(value);
  }
}

std::string to_str(Heap& heap, const Value& value) {
  TextBuilder out(heap);
  append_str(out, value);
  return out.take();
}

void append_repr(TextBuilder& out, const Value& value) { Repr(out).append(value); }

std::string to_repr(Heap& heap, const Value& value) {
  TextBuilder out(heap);
  append_repr(out, value);
  return out.take();
}

std::string to_json(Heap& heap, const Value& value, const JsonOptions& options) {
  JsonWriter writer(heap, options);
  writer.append(value);
  return writer.take();
}

}  // namespace tarn::text::jinja
