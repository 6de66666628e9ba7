// Unicode facts the tokenizer needs: UTF-8 in and out, character classes, case and normal forms.
// Strings are UTF-8; functions that take `std::string_view` text expect it to be valid unless they
// say otherwise (check once at the border with find_invalid_utf8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tarn::text {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Reads the character at `pos` of valid UTF-8 and moves `pos` past it.
char32_t next_char(std::string_view text, size_t& pos);
// Bytes of the character that starts with `lead`.
size_t char_bytes(char lead);
void append_char(std::string& out, char32_t c);
size_t count_chars(std::string_view text);

// Offset of the first byte that is not valid UTF-8 (overlong forms, surrogates and values above
// U+10FFFF are not), or npos.
size_t find_invalid_utf8(std::string_view bytes);

// Turns a stream of bytes into UTF-8. Every maximal invalid part becomes one U+FFFD, as the Unicode
// standard advises; the bytes of an unfinished character wait for the next call.
class Utf8Repair {
 public:
  void push(std::string_view bytes, std::string& out);
  void finish(std::string& out);  // an unfinished character becomes U+FFFD

 private:
  std::string pending_;
};

bool is_whitespace(char32_t c);       // property White_Space
bool is_numeric(char32_t c);          // Nd, Nl, No
bool is_mark(char32_t c);             // Mn, Mc, Me
bool is_nonspacing_mark(char32_t c);  // Mn
bool is_punctuation(char32_t c);      // P*, and all of ASCII's punctuation and symbols
bool is_other(char32_t c);            // Cc, Cf, Co
bool is_word(char32_t c);             // what \w means: alphabetic, marks, digits, connectors

// Appends the lower case of `c` (two characters for U+0130).
void append_lower(char32_t c, std::u32string& out);

enum class NormalForm { nfc, nfd, nfkc, nfkd };

// A character of normalized text and how it came about from the text before: 0 takes the place of
// one character, 1 was inserted, -n takes the place of one and of the n characters after it.
struct Change {
  char32_t c;
  int32_t change;
};
using Changes = std::vector<Change>;

Changes normalize(std::string_view text, NormalForm form);

// End of the extended grapheme cluster that starts at `pos`.
size_t grapheme_end(std::string_view text, size_t pos);

}  // namespace tarn::text
