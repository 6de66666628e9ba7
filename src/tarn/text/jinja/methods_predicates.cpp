// The methods of str that ask what a text consists of.
#include "tarn/text/jinja/methods.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

using Predicate = bool (*)(char32_t);

// Whether every code point is one, and there is one.
template <Predicate holds, bool empty_result = false>
Value all_of(Interpreter& interpreter, const Value& self, const Args& args) {
  const Bound none("str predicate", args, {});
  const std::string& text = self.str();
  interpreter.heap().step(1 + text.size() / 64);
  for (size_t pos = 0; pos < text.size();) {
    if (!holds(next_code_point(text, pos))) return Value::boolean(false);
  }
  return Value::boolean(empty_result || !text.empty());
}

// Whether every cased code point has the case, and there is one.
template <Predicate wanted>
Value all_cased(Interpreter& interpreter, const Value& self, const Args&) {
  const std::string& text = self.str();
  interpreter.heap().step(1 + text.size() / 64);
  bool any = false;
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    if (!is_cased(c)) continue;
    if (!wanted(c)) return Value::boolean(false);
    any = true;
  }
  return Value::boolean(any);
}

bool is_alphanumeric(char32_t c) { return is_alpha(c) || is_numeric(c); }
bool is_ascii(char32_t c) { return c < 0x80; }

Value is_title_text(Interpreter&, const Value& self, const Args&) {
  const std::string& text = self.str();
  bool any = false;
  bool previous_cased = false;
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    if (is_upper(c) || is_title(c)) {
      if (previous_cased) return Value::boolean(false);
      previous_cased = any = true;
    } else if (is_lower(c)) {
      if (!previous_cased) return Value::boolean(false);
      any = true;
    } else {
      previous_cased = false;
    }
  }
  return Value::boolean(any);
}

Value is_identifier(Interpreter&, const Value& self, const Args&) {
  const std::string& text = self.str();
  size_t pos = 0;
  if (text.empty()) return Value::boolean(false);
  const char32_t first = next_code_point(text, pos);
  if (first != '_' && !is_alpha(first)) return Value::boolean(false);
  while (pos < text.size()) {
    if (!is_word(next_code_point(text, pos))) return Value::boolean(false);
  }
  return Value::boolean(true);
}

}  // namespace

MethodTable text_predicates() {
  static const MethodTable table = {
      {"isalnum", all_of<is_alphanumeric>},
      {"isalpha", all_of<is_alpha>},
      {"isascii", all_of<is_ascii, true>},
      {"isdecimal", all_of<is_decimal>},
      {"isdigit", all_of<is_digit>},
      {"isidentifier", is_identifier},
      {"islower", all_cased<is_lower>},
      {"isnumeric", all_of<is_numeric>},
      {"isprintable", all_of<is_printable, true>},
      {"isspace", all_of<is_space>},
      {"istitle", is_title_text},
      {"isupper", all_cased<is_upper>},
  };
  return table;
}

}  // namespace tarn::text::jinja
