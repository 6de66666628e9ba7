#include "tarn/text/jinja/split.h"

#include <algorithm>

#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

size_t skip(std::string_view text, size_t pos, bool spaces) {
  while (pos < text.size()) {
    size_t next = pos;
    if (is_space(next_code_point(text, next)) != spaces) break;
    pos = next;
  }
  return pos;
}

size_t skip_back(std::string_view text, size_t pos, bool spaces) {
  while (pos > 0) {
    size_t previous = pos;
    if (is_space(previous_code_point(text, previous)) != spaces) break;
    pos = previous;
  }
  return pos;
}

bool ends_line(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

std::vector<std::string_view> split_spaces(std::string_view text, int64_t most) {
  std::vector<std::string_view> parts;
  for (size_t pos = skip(text, 0, true); pos < text.size(); pos = skip(text, pos, true)) {
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(text.substr(pos));
      break;
    }
    const size_t end = skip(text, pos, false);
    parts.push_back(text.substr(pos, end - pos));
    pos = end;
  }
  return parts;
}

std::vector<std::string_view> split_spaces_right(std::string_view text, int64_t most) {
  std::vector<std::string_view> parts;
  for (size_t end = skip_back(text, text.size(), true); end > 0; end = skip_back(text, end, true)) {
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(text.substr(0, end));
      break;
    }
    const size_t begin = skip_back(text, end, false);
    parts.push_back(text.substr(begin, end - begin));
    end = begin;
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_text(std::string_view text, std::string_view separator,
                                         int64_t most) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    const size_t at = text.find(separator, begin);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(begin, at - begin));
    begin = at + separator.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::vector<std::string_view> split_text_right(std::string_view text, std::string_view separator,
                                               int64_t most) {
  std::vector<std::string_view> parts;
  size_t end = text.size();
  while (end >= separator.size() && (most < 0 || static_cast<int64_t>(parts.size()) < most)) {
    const size_t at = text.rfind(separator, end - separator.size());
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(at + separator.size(), end - at - separator.size()));
    end = at;
  }
  parts.push_back(text.substr(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t pos = 0; pos < text.size();) {
    const size_t end = pos;
    const char32_t c = next_code_point(text, pos);
    if (!ends_line(c)) continue;
    if (c == '\r' && pos < text.size() && text[pos] == '\n') ++pos;
    lines.push_back(text.substr(begin, (keep_ends ? pos : end) - begin));
    begin = pos;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::string replaced(Heap& heap, std::string_view text, std::string_view from, std::string_view to,
                     int64_t most) {
  TextBuilder out(heap);
  size_t begin = 0;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    size_t at = 0;
    if (from.empty()) {
      // Before every code point and at the end.
      if (count > 0 && begin >= text.size()) break;
      at = begin;
      if (count > 0) next_code_point(text, at);
    } else {
      at = text.find(from, begin);
      if (at == std::string_view::npos) break;
    }
    out.append(text.substr(begin, at - begin));
    out.append(to);
    begin = at + from.size();
  }
  out.append(text.substr(begin));
  return out.take();
}

}  // namespace tarn::text::jinja
