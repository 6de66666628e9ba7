// Types whose values stand on a grid: 8 (or 4) magnitudes together, and their signs. A code is the
// level of the magnitude and, in the bit above it, the sign.
#include <bit>

#include "tarn/quant/ggml_grids.h"
#include "tarn/quant/ggml_unpack.h"

namespace tarn::quant {
namespace {

int8_t* subs(const GgmlRow& out) { return static_cast<int8_t*>(out.scales); }
int8_t odd(int scale) { return static_cast<int8_t>(2 * scale + 1); }

// Seven signs; the number of negative ones is even, which gives the eighth.
unsigned eight_signs(unsigned seven) {
  return seven | (static_cast<unsigned>(std::popcount(seven)) & 1U) << 7;
}

// The lowest bit of byte i is bit i.
constexpr uint64_t spread_signs(unsigned signs) {
  const uint64_t kept = (signs & 0xffU) * 0x0101010101010101U & 0x8040201008040201U;
  return (kept + 0x7f7f7f7f7f7f7f7fU) >> 7 & 0x0101010101010101U;  // no byte carries
}

// Eight codes of two bits of level and a sign, or of three bits and a sign.
void put_eight(uint64_t levels, unsigned signs, uint8_t* codes) {
  const uint64_t word = levels | spread_signs(signs) << 2;
  __builtin_memcpy(codes, &word, sizeof(word));
}

void put_twice_four(uint32_t first, uint32_t second, unsigned signs, uint8_t* codes) {
  const uint64_t word = first | uint64_t{second} << 32 | spread_signs(signs) << 3;
  __builtin_memcpy(codes, &word, sizeof(word));
}

void iq2_xxs(const std::byte* at, const GgmlRow& out) {
  const auto grid = grid_of_eight(GgmlType::iq2_xxs);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    const std::byte* from = at + 2 + 8 * i;
    const auto tail = field<uint32_t>(from + 4);
    subs(out)[i] = odd(static_cast<int>(tail >> 28));
    for (size_t l = 0; l < 4; ++l) {
      put_eight(grid[bytes(from)[l]], eight_signs(tail >> (7 * l) & 127),
                out.codes + 32 * i + 8 * l);
    }
  }
}

// Two scales of 4 bits for each 32 values.
void nibble_scales(const uint8_t* from, const GgmlRow& out) {
  for (size_t i = 0; i < 8; ++i) {
    subs(out)[2 * i] = odd(from[i] & 15);
    subs(out)[2 * i + 1] = odd(from[i] >> 4);
  }
}

void iq2_xs(const std::byte* at, const GgmlRow& out) {
  const auto grid = grid_of_eight(GgmlType::iq2_xs);
  out.d[0] = field<float16>(at);
  nibble_scales(bytes(at + 66), out);
  for (size_t i = 0; i < 32; ++i) {
    const auto word = field<uint16_t>(at + 2 + 2 * i);
    put_eight(grid[word & 511], eight_signs(word >> 9), out.codes + 8 * i);
  }
}

void iq2_s(const std::byte* at, const GgmlRow& out) {
  const auto grid = grid_of_eight(GgmlType::iq2_s);
  out.d[0] = field<float16>(at);
  nibble_scales(bytes(at + 74), out);
  for (size_t i = 0; i < 32; ++i) {
    const unsigned high = bytes(at + 66)[i / 4] >> (2 * (i % 4)) & 3U;
    put_eight(grid[bytes(at + 2)[i] | high << 8], bytes(at + 34)[i], out.codes + 8 * i);
  }
}

void iq3_xxs(const std::byte* at, const GgmlRow& out) {
  const auto grid = grid_of_four(GgmlType::iq3_xxs);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    const auto tail = field<uint32_t>(at + 66 + 4 * i);
    subs(out)[i] = odd(static_cast<int>(tail >> 28));
    for (size_t l = 0; l < 4; ++l) {
      const unsigned signs = eight_signs(tail >> (7 * l) & 127);
      const uint8_t* index = bytes(at + 2) + 8 * i + 2 * l;
      put_twice_four(grid[index[0]], grid[index[1]], signs, out.codes + 32 * i + 8 * l);
    }
  }
}

void iq3_s(const std::byte* at, const GgmlRow& out) {
  const auto grid = grid_of_four(GgmlType::iq3_s);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    subs(out)[i] = odd(bytes(at + 106)[i / 2] >> (4 * (i % 2)) & 15);
  }
  for (size_t i = 0; i < 32; ++i) {
    const unsigned high = static_cast<unsigned>(bytes(at + 66)[i / 4]) >> (2 * (i % 4));
    const uint8_t* index = bytes(at + 2) + 2 * i;
    put_twice_four(grid[index[0] | (high & 1U) << 8], grid[index[1] | (high & 2U) << 7],
                   bytes(at + 74)[i], out.codes + 8 * i);
  }
}

void iq1_s(const std::byte* at, const GgmlRow& out) {
  const auto grid = grid_of_eight(GgmlType::iq1_s);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    const auto word = field<uint16_t>(at + 34 + 2 * i);
    subs(out)[i] = odd(word >> 12 & 7);
    const unsigned below = (word & 0x8000U) != 0 ? 0xff : 0;
    for (size_t l = 0; l < 4; ++l) {
      const unsigned index = bytes(at + 2)[4 * i + l] | (word >> (3 * l) & 7U) << 8;
      put_eight(grid[index], below, out.codes + 32 * i + 8 * l);
    }
  }
}

void iq1_m(const std::byte* at, const GgmlRow& out) {
  const auto grid = grid_of_eight(GgmlType::iq1_m);
  const std::byte* scales = at + 48;
  unsigned d = 0;
  for (size_t i = 0; i < 4; ++i) {
    d |= static_cast<unsigned>(field<uint16_t>(scales + 2 * i) >> 12) << (4 * i);
  }
  out.d[0] = float16{static_cast<uint16_t>(d)};
  for (size_t i = 0; i < 4; ++i) {
    const auto word = field<uint16_t>(scales + 2 * i);
    for (size_t k = 0; k < 4; ++k) subs(out)[4 * i + k] = odd(word >> (3 * k) & 7);
  }
  const auto put = [&](size_t i, unsigned nibble) {
    put_eight(grid[bytes(at)[i] | (nibble & 7U) << 8], (nibble >> 3) * 0xffU, out.codes + 8 * i);
  };
  for (size_t i = 0; i < 16; ++i) {
    const unsigned pair = bytes(at + 32)[i];
    put(2 * i, pair & 15);
    put(2 * i + 1, pair >> 4);
  }
}

}  // namespace

UnpackBlock iq_unpack(GgmlType type) {
  switch (type) {
    case GgmlType::iq2_xxs:
      return iq2_xxs;
    case GgmlType::iq2_xs:
      return iq2_xs;
    case GgmlType::iq2_s:
      return iq2_s;
    case GgmlType::iq3_xxs:
      return iq3_xxs;
    case GgmlType::iq3_s:
      return iq3_s;
    case GgmlType::iq1_s:
      return iq1_s;
    case GgmlType::iq1_m:
      return iq1_m;
    default:
      return nullptr;
  }
}

}  // namespace tarn::quant
