// Strings are valid UTF-8 whose unit, as in Python, is the code point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tarn::text::jinja {

bool valid_utf8(std::string_view text);
size_t count_code_points(std::string_view text);
// The code point at byte `pos`, which is advanced behind it. `text` is valid and pos < size.
char32_t next_code_point(std::string_view text, size_t& pos);
// The code point that ends before byte `pos` > 0, which is moved to its first byte.
char32_t previous_code_point(std::string_view text, size_t& pos);
void append_code_point(std::string& out, char32_t c);
// The byte offset of code point `index` <= the text's length.
size_t byte_offset(std::string_view text, size_t index);

// Python's character classes.
bool is_space(char32_t c);
bool is_printable(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_title(char32_t c);
bool is_word(char32_t c);  // may stand in an identifier
inline bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || is_title(c); }

// Full case mappings (one code point may become several).
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
std::string to_casefold(std::string_view text);
std::string capitalized(std::string_view text);
std::string titled(std::string_view text);
std::string case_swapped(std::string_view text);

// Without leading or trailing white space, or without the code points of `chars`.
std::string_view strip(std::string_view text, bool left, bool right);
std::string_view strip(std::string_view text, bool left, bool right, std::string_view chars);

}  // namespace tarn::text::jinja
