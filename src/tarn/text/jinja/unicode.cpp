#include "tarn/text/jinja/unicode.h"

#include <utf8proc.h>

namespace tarn::text::jinja {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

void append_mapped(std::string& out, char32_t c, utf8proc_int32_t (*simple)(utf8proc_int32_t)) {
  append_code_point(out, static_cast<char32_t>(simple(static_cast<utf8proc_int32_t>(c))));
}

// The mappings that give several code points (Unicode's SpecialCasing, unconditional part) which
// utf8proc's simple functions leave out. Ligatures and Greek with iota are the whole list.
void append_upper(std::string& out, char32_t c) {
  switch (c) {
    case 0xdf:
      out += "SS";
      return;
    case 0x149:
      out += "\u02bcN";
      return;
    case 0x1f0:
      out += "J\u030c";
      return;
    case 0x390:
      out += "\u0399\u0308\u0301";
      return;
    case 0x3b0:
      out += "\u03a5\u0308\u0301";
      return;
    case 0x587:
      out += "\u0535\u0552";
      return;
    case 0x1e96:
      out += "H\u0331";
      return;
    case 0x1e97:
      out += "T\u0308";
      return;
    case 0x1e98:
      out += "W\u030a";
      return;
    case 0x1e99:
      out += "Y\u030a";
      return;
    case 0x1e9a:
      out += "A\u02be";
      return;
    case 0xfb00:
      out += "FF";
      return;
    case 0xfb01:
      out += "FI";
      return;
    case 0xfb02:
      out += "FL";
      return;
    case 0xfb03:
      out += "FFI";
      return;
    case 0xfb04:
      out += "FFL";
      return;
    case 0xfb05:
      out += "ST";
      return;
    case 0xfb06:
      out += "ST";
      return;
    default:
      append_mapped(out, c, utf8proc_toupper);
  }
}

void append_title(std::string& out, char32_t c) {
  switch (c) {
    case 0xdf:
      out += "Ss";
      return;
    case 0xfb00:
      out += "Ff";
      return;
    case 0xfb01:
      out += "Fi";
      return;
    case 0xfb02:
      out += "Fl";
      return;
    case 0xfb03:
      out += "Ffi";
      return;
    case 0xfb04:
      out += "Ffl";
      return;
    case 0xfb05:
      out += "St";
      return;
    case 0xfb06:
      out += "St";
      return;
    case 0x149:
    case 0x1f0:
    case 0x390:
    case 0x3b0:
    case 0x1e96:
    case 0x1e97:
    case 0x1e98:
    case 0x1e99:
    case 0x1e9a:
      append_upper(out, c);
      return;
    default:
      append_mapped(out, c, utf8proc_totitle);
  }
}

bool case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xb7 || c == 0x2018 || c == 0x2019 ||
             c == 0x2024 || c == 0x2027;
  }
}

// Capital sigma becomes final sigma at the end of a word.
bool final_sigma(std::string_view text, size_t begin, size_t end) {
  bool before = false;
  for (size_t pos = begin; pos > 0;) {
    const char32_t c = previous_code_point(text, pos);
    if (case_ignorable(c)) continue;
    before = is_cased(c);
    break;
  }
  if (!before) return false;
  for (size_t pos = end; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    if (case_ignorable(c)) continue;
    return !is_cased(c);
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, size_t begin, size_t end, char32_t c) {
  if (c == 0x130) {
    out += "i\u0307";
  } else if (c == 0x3a3) {
    append_code_point(out, final_sigma(text, begin, end) ? 0x3c2 : 0x3c3);
  } else {
    append_mapped(out, c, utf8proc_tolower);
  }
}

}  // namespace

bool valid_utf8(std::string_view text) {
  for (size_t pos = 0; pos < text.size();) {
    utf8proc_int32_t c = 0;
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + pos);
    const auto n = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - pos), &c);
    if (n <= 0) return false;
    pos += static_cast<size_t>(n);
  }
  return true;
}

size_t count_code_points(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return n;
}

char32_t next_code_point(std::string_view text, size_t& pos) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const char32_t first = byte(pos);
  char32_t c = first;
  size_t n = 1;
  if (first >= 0xf0) {
    c = (first & 7) << 18 | (byte(pos + 1) & 63) << 12 | (byte(pos + 2) & 63) << 6 |
        (byte(pos + 3) & 63);
    n = 4;
  } else if (first >= 0xe0) {
    c = (first & 15) << 12 | (byte(pos + 1) & 63) << 6 | (byte(pos + 2) & 63);
    n = 3;
  } else if (first >= 0xc0) {
    c = (first & 31) << 6 | (byte(pos + 1) & 63);
    n = 2;
  }
  pos = std::min(pos + n, text.size());
  return c;
}

char32_t previous_code_point(std::string_view text, size_t& pos) {
  do {
    --pos;
  } while (pos > 0 && (static_cast<unsigned char>(text[pos]) & 0xc0) == 0x80);
  size_t at = pos;
  return next_code_point(text, at);
}

void append_code_point(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

size_t byte_offset(std::string_view text, size_t index) {
  size_t pos = 0;
  for (; index > 0 && pos < text.size(); --index) next_code_point(text, pos);
  return pos;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
         c == 0x205f || c == 0x3000;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool is_alpha(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return true;
    default:
      return false;
  }
}

bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_digit(char32_t c) {
  return is_decimal(c) || c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
         (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247c) ||
         (c >= 0x2488 && c <= 0x2490) || c == 0x24ea || (c >= 0x24f5 && c <= 0x24fd) ||
         c == 0x24ff || (c >= 0x2776 && c <= 0x277e) || (c >= 0x2780 && c <= 0x2788) ||
         (c >= 0x278a && c <= 0x2792);
}

bool is_numeric(char32_t c) {
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL ||
         kind == UTF8PROC_CATEGORY_NO;
}

bool is_lower(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL || c == 0xaa || c == 0xba ||
         (c >= 0x2b0 && c <= 0x2b8) || (c >= 0x2170 && c <= 0x217f) || (c >= 0x24d0 && c <= 0x24e9);
}

bool is_upper(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU || (c >= 0x2160 && c <= 0x216f) ||
         (c >= 0x24b6 && c <= 0x24cf);
}

bool is_title(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

bool is_word(char32_t c) {
  if (c < 0x80) return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
  if (is_alpha(c) || is_decimal(c)) return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (ascii(text)) {
    for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
  }
  for (size_t pos = 0; pos < text.size();) {
    const size_t begin = pos;
    const char32_t c = next_code_point(text, pos);
    append_lower(out, text, begin, pos, c);
  }
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) append_upper(out, next_code_point(text, pos));
  return out;
}

std::string to_casefold(std::string_view text) {
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    if (c == 0xdf || c == 0x1e9e) {
      out += "ss";
    } else if (c == 0x3c2) {
      out += "\u03c3";
    } else if (c == 0x130) {
      out += "i\u0307";
    } else {
      append_mapped(out, c, utf8proc_tolower);
    }
  }
  return out;
}

std::string capitalized(std::string_view text) {
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    const size_t begin = pos;
    const char32_t c = next_code_point(text, pos);
    if (begin == 0) {
      append_title(out, c);
    } else {
      append_lower(out, text, begin, pos, c);
    }
  }
  return out;
}

std::string titled(std::string_view text) {
  std::string out;
  bool previous_cased = false;
  for (size_t pos = 0; pos < text.size();) {
    const size_t begin = pos;
    const char32_t c = next_code_point(text, pos);
    if (previous_cased) {
      append_lower(out, text, begin, pos, c);
    } else {
      append_title(out, c);
    }
    previous_cased = is_cased(c);
  }
  return out;
}

std::string case_swapped(std::string_view text) {
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    const size_t begin = pos;
    const char32_t c = next_code_point(text, pos);
    if (is_upper(c)) {
      append_lower(out, text, begin, pos, c);
    } else if (is_lower(c)) {
      append_upper(out, c);
    } else {
      append_code_point(out, c);
    }
  }
  return out;
}

namespace {

template <typename Drop>
std::string_view strip_if(std::string_view text, bool left, bool right, Drop drop) {
  size_t begin = 0;
  while (left && begin < text.size()) {
    size_t pos = begin;
    if (!drop(next_code_point(text, pos))) break;
    begin = pos;
  }
  size_t end = text.size();
  while (right && end > begin) {
    size_t pos = end;
    if (!drop(previous_code_point(text, pos))) break;
    end = pos;
  }
  return text.substr(begin, end - begin);
}

}  // namespace

std::string_view strip(std::string_view text, bool left, bool right) {
  return strip_if(text, left, right, is_space);
}

std::string_view strip(std::string_view text, bool left, bool right, std::string_view chars) {
  std::u32string set;
  for (size_t pos = 0; pos < chars.size();) set += next_code_point(chars, pos);
  return strip_if(text, left, right,
                  [&](char32_t c) { return set.find(c) != std::u32string::npos; });
}

}  // namespace tarn::text::jinja
