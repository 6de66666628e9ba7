#include "tarn/text/byte_level.h"

#include <array>
#include <cstddef>

namespace tarn::text {
namespace {

constexpr bool printable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

struct Alphabet {
  std::array<char32_t, 256> chars{};
  std::array<int16_t, 0x144> bytes{};
};

// Printable Latin-1 stands for itself, the other bytes are numbered from U+0100 on.
constexpr Alphabet make_alphabet() {
  Alphabet out;
  for (auto& byte : out.bytes) byte = -1;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t c = printable(byte) ? static_cast<char32_t>(byte) : next++;
    out.chars[static_cast<std::size_t>(byte)] = c;
    out.bytes[c] = static_cast<int16_t>(byte);
  }
  return out;
}

constexpr Alphabet kAlphabet = make_alphabet();
static_assert(kAlphabet.chars[' '] == kByteLevelSpace);

}  // namespace

char32_t byte_to_char(uint8_t byte) { return kAlphabet.chars[byte]; }

int char_to_byte(char32_t c) { return c < kAlphabet.bytes.size() ? kAlphabet.bytes[c] : -1; }

}  // namespace tarn::text
