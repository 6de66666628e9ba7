// GPT-2's alphabet: every byte has a printable character that stands for it in the vocabulary.
#pragma once

#include <cstdint>

namespace tarn::text {

char32_t byte_to_char(uint8_t byte);
// The byte that `c` stands for, or -1.
int char_to_byte(char32_t c);

inline constexpr char32_t kByteLevelSpace = 0x120;  // stands for ' '

}  // namespace tarn::text
