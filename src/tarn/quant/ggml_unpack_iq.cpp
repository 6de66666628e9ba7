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

// `count` codes from an entry of the grid, `bits` each.
template <int bits, int count>
void put_codes(uint16_t levels, unsigned signs, uint8_t* codes) {
  for (int i = 0; i < count; ++i) {
    codes[i] =
        static_cast<uint8_t>((levels >> (bits * i) & ((1 << bits) - 1)) | (signs >> i & 1) << bits);
  }
}

void iq2_xxs(const std::byte* at, const GgmlRow& out) {
  const auto grid = ggml_grid(GgmlType::iq2_xxs);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    const std::byte* from = at + 2 + 8 * i;
    const auto tail = field<uint32_t>(from + 4);
    subs(out)[i] = odd(static_cast<int>(tail >> 28));
    for (size_t l = 0; l < 4; ++l) {
      put_codes<2, 8>(grid[bytes(from)[l]], eight_signs(tail >> (7 * l) & 127),
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
  const auto grid = ggml_grid(GgmlType::iq2_xs);
  out.d[0] = field<float16>(at);
  nibble_scales(bytes(at + 66), out);
  for (size_t i = 0; i < 32; ++i) {
    const auto word = field<uint16_t>(at + 2 + 2 * i);
    put_codes<2, 8>(grid[word & 511], eight_signs(word >> 9), out.codes + 8 * i);
  }
}

void iq2_s(const std::byte* at, const GgmlRow& out) {
  const auto grid = ggml_grid(GgmlType::iq2_s);
  out.d[0] = field<float16>(at);
  nibble_scales(bytes(at + 74), out);
  for (size_t i = 0; i < 32; ++i) {
    const unsigned high = bytes(at + 66)[i / 4] >> (2 * (i % 4)) & 3U;
    put_codes<2, 8>(grid[bytes(at + 2)[i] | high << 8], bytes(at + 34)[i], out.codes + 8 * i);
  }
}

void iq3_xxs(const std::byte* at, const GgmlRow& out) {
  const auto grid = ggml_grid(GgmlType::iq3_xxs);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    const auto tail = field<uint32_t>(at + 66 + 4 * i);
    subs(out)[i] = odd(static_cast<int>(tail >> 28));
    for (size_t l = 0; l < 4; ++l) {
      const unsigned signs = eight_signs(tail >> (7 * l) & 127);
      const uint8_t* index = bytes(at + 2) + 8 * i + 2 * l;
      uint8_t* codes = out.codes + 32 * i + 8 * l;
      put_codes<3, 4>(grid[index[0]], signs, codes);
      put_codes<3, 4>(grid[index[1]], signs >> 4, codes + 4);
    }
  }
}

void iq3_s(const std::byte* at, const GgmlRow& out) {
  const auto grid = ggml_grid(GgmlType::iq3_s);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    subs(out)[i] = odd(bytes(at + 106)[i / 2] >> (4 * (i % 2)) & 15);
  }
  for (size_t i = 0; i < 64; ++i) {
    const unsigned high = bytes(at + 66)[i / 8] >> (i % 8) & 1U;
    const unsigned signs = bytes(at + 74)[i / 2] >> (4 * (i % 2)) & 15U;
    put_codes<3, 4>(grid[bytes(at + 2)[i] | high << 8], signs, out.codes + 4 * i);
  }
}

void iq1_s(const std::byte* at, const GgmlRow& out) {
  const auto grid = ggml_grid(GgmlType::iq1_s);
  out.d[0] = field<float16>(at);
  for (size_t i = 0; i < 8; ++i) {
    const auto word = field<uint16_t>(at + 34 + 2 * i);
    subs(out)[i] = odd(word >> 12 & 7);
    const unsigned below = (word & 0x8000U) != 0 ? 0xff : 0;
    for (size_t l = 0; l < 4; ++l) {
      const unsigned index = bytes(at + 2)[4 * i + l] | (word >> (3 * l) & 7U) << 8;
      put_codes<2, 8>(grid[index], below, out.codes + 32 * i + 8 * l);
    }
  }
}

void iq1_m(const std::byte* at, const GgmlRow& out) {
  const auto grid = ggml_grid(GgmlType::iq1_m);
  const std::byte* scales = at + 48;
  unsigned d = 0;
  for (size_t i = 0; i < 4; ++i) {
    d |= static_cast<unsigned>(field<uint16_t>(scales + 2 * i) >> 12) << (4 * i);
  }
  out.d[0] = float16{static_cast<uint16_t>(d)};
  for (size_t i = 0; i < 16; ++i) {
    subs(out)[i] = odd(field<uint16_t>(scales + 2 * (i / 4)) >> (3 * (i % 4)) & 7);
  }
  for (size_t i = 0; i < 32; ++i) {
    const unsigned nibble = bytes(at + 32)[i / 2] >> (4 * (i % 2)) & 15U;
    const unsigned index = bytes(at)[i] | (nibble & 7U) << 8;
    put_codes<2, 8>(grid[index], (nibble & 8U) != 0 ? 0xff : 0, out.codes + 8 * i);
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
