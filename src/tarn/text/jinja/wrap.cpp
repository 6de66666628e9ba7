#include "tarn/text/jinja/wrap.h"

#include <algorithm>

#include "tarn/text/jinja/unicode.h"

namespace tarn::text::jinja {
namespace {

bool wraps_at(char32_t c) { return c == ' ' || (c >= 0x09 && c <= 0x0d); }
bool word_character(char32_t c) { return c == '_' || is_alpha(c) || is_numeric(c); }
bool word_letter(char32_t c) { return word_character(c) && !is_digit(c); }

// A hyphen between two word parts of at least two characters, each ending in a letter.
bool breaks_after(const std::u32string& text, size_t hyphen) {
  if (text[hyphen] != '-' || hyphen < 2 || !word_letter(text[hyphen - 1]) ||
      !word_character(text[hyphen - 2])) {
    return false;
  }
  size_t end = hyphen + 1;
  while (end < text.size() && word_character(text[end])) ++end;
  for (size_t i = hyphen + 2; i < end; ++i) {
    if (word_letter(text[i])) return true;
  }
  return false;
}

std::vector<std::u32string> chunks_of(const std::u32string& text, bool hyphens) {
  std::vector<std::u32string> chunks;
  for (size_t pos = 0; pos < text.size();) {
    const bool space = wraps_at(text[pos]);
    size_t end = pos + 1;
    while (end < text.size() && wraps_at(text[end]) == space) {
      if (!space && hyphens && breaks_after(text, end - 1)) break;
      ++end;
    }
    chunks.push_back(text.substr(pos, end - pos));
    pos = end;
  }
  return chunks;
}

bool blank(const std::u32string& chunk) {
  return std::all_of(chunk.begin(), chunk.end(), is_space);
}

}  // namespace

std::vector<std::string> wrap_line(std::string_view line, const WrapOptions& options) {
  std::u32string text;
  for (size_t pos = 0; pos < line.size();) text += next_code_point(line, pos);
  std::vector<std::u32string> chunks = chunks_of(text, options.break_on_hyphens);
  std::reverse(chunks.begin(), chunks.end());  // so that the next one is at the back
  std::vector<std::string> lines;
  while (!chunks.empty()) {
    if (!lines.empty() && blank(chunks.back())) chunks.pop_back();
    std::vector<std::u32string> current;
    size_t length = 0;
    while (!chunks.empty() && length + chunks.back().size() <= options.width) {
      length += chunks.back().size();
      current.push_back(std::move(chunks.back()));
      chunks.pop_back();
    }
    if (!chunks.empty() && chunks.back().size() > options.width) {
      if (options.break_long_words) {
        size_t room = options.width - length;
        std::u32string& chunk = chunks.back();
        if (options.break_on_hyphens && chunk.size() > room) {
          const size_t hyphen = room == 0 ? std::u32string::npos : chunk.rfind(U'-', room - 1);
          if (hyphen != std::u32string::npos && hyphen > 0 &&
              chunk.find_first_not_of(U'-') < hyphen) {
            room = hyphen + 1;
          }
        }
        current.push_back(chunk.substr(0, room));
        chunk.erase(0, room);
      } else if (current.empty()) {
        current.push_back(std::move(chunks.back()));
        chunks.pop_back();
      }
    }
    if (!current.empty() && blank(current.back())) current.pop_back();
    if (current.empty()) continue;
    std::string out;
    for (const std::u32string& chunk : current) {
      for (const char32_t c : chunk) append_code_point(out, c);
    }
    lines.push_back(std::move(out));
  }
  return lines;
}

}  // namespace tarn::text::jinja
