#include "tarn/text/jinja/html.h"

#include <charconv>

#include "tarn/text/jinja/operators.h"
#include "tarn/text/jinja/python_format.h"
#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {

std::string escape_html(Heap& heap, std::string_view text) {
  TextBuilder out(heap);
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char* entity = text[i] == '&'    ? "&amp;"
                         : text[i] == '<'  ? "&lt;"
                         : text[i] == '>'  ? "&gt;"
                         : text[i] == '\'' ? "&#39;"
                         : text[i] == '"'  ? "&#34;"
                                           : nullptr;
    if (!entity) continue;
    out.append(text.substr(plain, i - plain));
    out.append(entity);
    plain = i + 1;
  }
  out.append(text.substr(plain));
  return out.take();
}

std::string escaped_text(Heap& heap, const Value& value) {
  if (value.is_string() && value.markup()) return value.str();
  return escape_html(heap, to_str(heap, value));
}

namespace {

Value escaped_argument(Heap& heap, const Value& value) {
  if (value.is_number()) return value;
  return heap.text(escaped_text(heap, value), true);
}

// The references that appear in practice; others stay as they are.
char32_t resolve_reference(std::string_view name) {
  if (name == "amp") return '&';
  if (name == "lt") return '<';
  if (name == "gt") return '>';
  if (name == "quot") return '"';
  if (name == "apos") return '\'';
  if (name == "nbsp") return 0xa0;
  if (name.size() < 2 || name[0] != '#') return 0;
  const bool hex = name[1] == 'x' || name[1] == 'X';
  const std::string_view digits = name.substr(hex ? 2 : 1);
  uint32_t code = 0;
  const auto end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, code, hex ? 16 : 10);
  if (result.ec != std::errc() || result.ptr != end || code > 0x10ffff) return 0;
  return code >= 0xd800 && code < 0xe000 ? 0 : code;
}

}  // namespace

Value escaped_arguments(Heap& heap, const Value& values) {
  if (values.is(Kind::tuple)) {
    std::vector<Value> items;
    for (const Value& item : values.items()) items.push_back(escaped_argument(heap, item));
    return heap.tuple(std::move(items));
  }
  if (values.is(Kind::dict)) {
    auto dict = heap.new_dict();
    for (const auto& [key, value] : values.dict().entries) {
      dict->set(key, escaped_argument(heap, value));
    }
    return heap.dict(std::move(dict));
  }
  return escaped_argument(heap, values);
}

std::string strip_tags(Heap& heap, std::string_view text) {
  std::string bare(text);
  heap.check(text.size());
  for (size_t begin = 0; (begin = bare.find("<!--", begin)) != std::string::npos;) {
    const size_t end = bare.find("-->", begin);
    heap.step(1 + (bare.size() - begin) / 64);
    if (end == std::string::npos) break;
    bare.erase(begin, end + 3 - begin);
  }
  for (size_t begin = 0; (begin = bare.find('<', begin)) != std::string::npos;) {
    const size_t end = bare.find('>', begin);
    heap.step(1 + (bare.size() - begin) / 64);
    if (end == std::string::npos) break;
    bare.erase(begin, end + 1 - begin);
  }
  std::string collapsed;  // words with one space between them
  bool space = false;
  for (size_t pos = 0; pos < bare.size();) {
    const char32_t c = next_code_point(bare, pos);
    if (is_space(c)) {
      space = true;
      continue;
    }
    if (space && !collapsed.empty()) collapsed += ' ';
    space = false;
    append_code_point(collapsed, c);
  }
  TextBuilder out(heap);
  for (size_t pos = 0; pos < collapsed.size();) {
    const size_t mark = std::min(collapsed.find('&', pos), collapsed.size());
    out.append(std::string_view(collapsed).substr(pos, mark - pos));
    pos = mark;
    if (pos == collapsed.size()) break;
    const size_t end = collapsed.find(';', pos);
    const char32_t c =
        end == std::string::npos || end - pos > 12
            ? 0
            : resolve_reference(std::string_view(collapsed).substr(pos + 1, end - pos - 1));
    if (c) {
      out.append_code_point(c);
      pos = end + 1;
    } else {
      out.append("&");
      ++pos;
    }
  }
  return out.take();
}

}  // namespace tarn::text::jinja
