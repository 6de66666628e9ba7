#include "tarn/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>

namespace tarn::text {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Length of the valid character at the start of `bytes`: 0 when it is invalid, with `bad` the
// length of its maximal invalid part, or unfinished, with `bad` 0.
size_t valid_prefix(std::string_view bytes, size_t& bad) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = byte(0);
  bad = 1;
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range rules out overlong forms, surrogates and values above U+10FFFF.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    if (i == bytes.size()) {
      bad = 0;
      return 0;
    }
    const bool good =
        i == 1 ? byte(1) >= low && byte(1) <= high : byte(i) >= 0x80 && byte(i) <= 0xBF;
    if (!good) {
      bad = i;
      return 0;
    }
  }
  return length;
}

// The one character that `first` and `second` compose to canonically, or 0.
char32_t compose(char32_t first, char32_t second) {
  utf8proc_int32_t pair[3] = {static_cast<utf8proc_int32_t>(first),
                              static_cast<utf8proc_int32_t>(second), 0};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  return utf8proc_normalize_utf32(pair, 2, options) == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

int combining_class(char32_t c) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}

// The tables of the tokenizers library are older than these characters' decompositions: models have
// been trained on text that kept them.
bool kept_whole(char32_t c, bool compatibility) {
  if (!compatibility) return c == 0x11938;
  return c == 0x32FF || (c >= 0xA7F2 && c <= 0xA7F4) || c == 0xAB69 ||
         (c >= 0x10781 && c <= 0x107BA) || c == 0x11938 || (c >= 0x1E030 && c <= 0x1E06D) ||
         c == 0x1F16C || (c >= 0x1FBF0 && c <= 0x1FBF9);
}

// Full decomposition in canonical order. A mark that moves keeps its own change.
Changes decompose(std::string_view text, bool compatibility) {
  Changes out;
  out.reserve(text.size());
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE |
                                                      (compatibility ? UTF8PROC_COMPAT : 0));
  size_t unordered = 0;  // where the run of marks at the end of `out` begins
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = next_char(text, pos);
    utf8proc_int32_t parts[32];
    int boundary = 0;
    utf8proc_ssize_t n = 1;
    parts[0] = static_cast<utf8proc_int32_t>(c);
    if (c >= 0xA0 && !kept_whole(c, compatibility)) {
      n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 32, options, &boundary);
      if (n < 1) {
        parts[0] = static_cast<utf8proc_int32_t>(c);
        n = 1;
      }
    }
    for (utf8proc_ssize_t i = 0; i < n; ++i) {
      const auto part = static_cast<char32_t>(parts[i]);
      const int ccc = combining_class(part);
      if (ccc == 0) {
        const auto by_class = [](const Change& a, const Change& b) {
          return combining_class(a.c) < combining_class(b.c);
        };
        std::stable_sort(out.begin() + static_cast<ptrdiff_t>(unordered), out.end(), by_class);
        out.push_back({part, i == 0 ? 0 : 1});
        unordered = out.size();
      } else {
        out.push_back({part, i == 0 ? 0 : 1});
      }
    }
  }
  std::stable_sort(
      out.begin() + static_cast<ptrdiff_t>(unordered), out.end(),
      [](const Change& a, const Change& b) { return combining_class(a.c) < combining_class(b.c); });
  return out;
}

// Canonical composition (UAX #15). A composed pair has replaced what both parts had replaced.
Changes recompose(const Changes& in) {
  Changes out;
  out.reserve(in.size());
  bool have_starter = false;
  size_t starter = 0;
  int last_class = -1;  // of the mark before, since the starter; -1 when there is none
  for (const Change& next : in) {
    const int ccc = combining_class(next.c);
    const bool blocked = last_class != -1 && last_class >= ccc;
    if (have_starter && !blocked && next.c >= 0x300) {  // nothing below composes with its left
      if (const char32_t composed = compose(out[starter].c, next.c); composed != 0) {
        out[starter] = {composed, out[starter].change + next.change - 1};
        continue;
      }
    }
    if (ccc == 0) {
      have_starter = true;
      starter = out.size();
      last_class = -1;
    } else if (have_starter) {
      last_class = ccc;
    }
    out.push_back(next);
  }
  return out;
}

}  // namespace

size_t char_bytes(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

char32_t next_char(std::string_view text, size_t& pos) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<uint8_t>(text[i])); };
  const size_t i = pos;
  const char32_t lead = byte(i);
  pos += char_bytes(text[i]);
  switch (pos - i) {
    case 1:
      return lead;
    case 2:
      return (lead & 0x1F) << 6 | (byte(i + 1) & 0x3F);
    case 3:
      return (lead & 0x0F) << 12 | (byte(i + 1) & 0x3F) << 6 | (byte(i + 2) & 0x3F);
    default:
      return (lead & 0x07) << 18 | (byte(i + 1) & 0x3F) << 12 | (byte(i + 2) & 0x3F) << 6 |
             (byte(i + 3) & 0x3F);
  }
}

void append_char(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(static_cast<uint8_t>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

size_t count_chars(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

size_t find_invalid_utf8(std::string_view bytes) {
  for (size_t pos = 0; pos < bytes.size();) {
    size_t bad = 0;
    const size_t length = valid_prefix(bytes.substr(pos), bad);
    if (length == 0) return pos;
    pos += length;
  }
  return std::string_view::npos;
}

void Utf8Repair::push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!pending_.empty()) {
    joined = pending_;
    joined += bytes;
    bytes = joined;
  }
  size_t pos = 0;
  while (pos < bytes.size()) {
    size_t bad = 0;
    const size_t length = valid_prefix(bytes.substr(pos), bad);
    if (length > 0) {
      out += bytes.substr(pos, length);
      pos += length;
    } else if (bad > 0) {
      out += kReplacement;
      pos += bad;
    } else {
      break;
    }
  }
  pending_ = std::string(bytes.substr(pos));
}

void Utf8Repair::finish(std::string& out) {
  if (!pending_.empty()) out += kReplacement;
  pending_.clear();
}

bool is_whitespace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_numeric(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  const auto cat = category(c);
  return cat == UTF8PROC_CATEGORY_ND || cat == UTF8PROC_CATEGORY_NL || cat == UTF8PROC_CATEGORY_NO;
}

bool is_mark(char32_t c) {
  const auto cat = category(c);
  return cat == UTF8PROC_CATEGORY_MN || cat == UTF8PROC_CATEGORY_MC || cat == UTF8PROC_CATEGORY_ME;
}

bool is_nonspacing_mark(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  }
  const auto cat = category(c);
  return cat >= UTF8PROC_CATEGORY_PC && cat <= UTF8PROC_CATEGORY_PO;
}

bool is_other(char32_t c) {
  const auto cat = category(c);
  return cat == UTF8PROC_CATEGORY_CC || cat == UTF8PROC_CATEGORY_CF || cat == UTF8PROC_CATEGORY_CO;
}

bool is_word(char32_t c) {
  if (c < 0x80) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  // Letters that are alphabetic without being of category L: circled and squared Latin letters.
  if ((c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
      (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189)) {
    return true;
  }
  if (c == 0x200C || c == 0x200D) return true;  // join controls
  const auto cat = category(c);
  return (cat >= UTF8PROC_CATEGORY_LU && cat <= UTF8PROC_CATEGORY_LO) || is_mark(c) ||
         cat == UTF8PROC_CATEGORY_ND || cat == UTF8PROC_CATEGORY_NL || cat == UTF8PROC_CATEGORY_PC;
}

void append_lower(char32_t c, std::u32string& out) {
  if (c < 0x80) {
    out += c >= 'A' && c <= 'Z' ? c + 32 : c;
  } else if (c == 0x130) {
    out += {U'i', char32_t{0x307}};
  } else {
    out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  }
}

Changes normalize(std::string_view text, NormalForm form) {
  const bool compatibility = form == NormalForm::nfkc || form == NormalForm::nfkd;
  Changes out = decompose(text, compatibility);
  if (form == NormalForm::nfc || form == NormalForm::nfkc) out = recompose(out);
  return out;
}

size_t grapheme_end(std::string_view text, size_t pos) {
  utf8proc_int32_t state = 0;
  char32_t left = next_char(text, pos);
  while (pos < text.size()) {
    size_t after = pos;
    const char32_t right = next_char(text, after);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(left),
                                         static_cast<utf8proc_int32_t>(right), &state)) {
      break;
    }
    left = right;
    pos = after;
  }
  return pos;
}

}  // namespace tarn::text
