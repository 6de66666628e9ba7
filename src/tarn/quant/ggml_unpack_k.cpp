// Types of 256 values a block with scales in two levels. Codes of a block stand in chunks: a byte
// holds codes of values that lie 32 (or 64) apart.
#include "tarn/quant/ggml_unpack.h"

namespace tarn::quant {
namespace {

int8_t* subs(const GgmlRow& out) { return static_cast<int8_t*>(out.scales); }
uint8_t* mins(const GgmlRow& out) { return static_cast<uint8_t*>(out.biases); }

// 4 times 32 codes of 2 bits from each 32 bytes, two times.
void two_bits(const uint8_t* from, uint8_t* codes) {
  for (size_t half = 0; half < 2; ++half) {
    for (int shift = 0; shift < 8; shift += 2) {
      for (size_t i = 0; i < 32; ++i) *codes++ = from[i] >> shift & 3;
    }
    from += 32;
  }
}

void q2_k(const std::byte* at, const GgmlRow& out) {
  out.d[0] = field<float16>(at + 80);
  out.dmin[0] = field<float16>(at + 82);
  for (size_t i = 0; i < 16; ++i) {
    subs(out)[i] = static_cast<int8_t>(bytes(at)[i] & 15);
    mins(out)[i] = bytes(at)[i] >> 4;
  }
  two_bits(bytes(at + 16), out.codes);
}

void q3_k(const std::byte* at, const GgmlRow& out) {
  out.d[0] = field<float16>(at + 108);
  const uint8_t* scales = bytes(at + 96);
  for (size_t i = 0; i < 16; ++i) {
    const int low = i < 8 ? scales[i] & 15 : scales[i - 8] >> 4;
    const int high = scales[8 + i % 4] >> (2 * (i / 4)) & 3;
    subs(out)[i] = static_cast<int8_t>((low | high << 4) - 32);
  }
  two_bits(bytes(at + 32), out.codes);
  uint8_t* code = out.codes;
  for (int bit = 0; bit < 8; ++bit) {
    for (size_t i = 0; i < 32; ++i, ++code) {
      *code = static_cast<uint8_t>(*code | (bytes(at)[i] >> bit & 1) << 2);
    }
  }
}

// Eight scales and mins of 6 bits in 12 bytes.
void six_bit_scales(const uint8_t* from, const GgmlRow& out) {
  for (size_t i = 0; i < 4; ++i) {
    subs(out)[i] = static_cast<int8_t>(from[i] & 63);
    mins(out)[i] = from[i + 4] & 63;
    subs(out)[i + 4] = static_cast<int8_t>((from[i + 8] & 15) | from[i] >> 6 << 4);
    mins(out)[i + 4] = static_cast<uint8_t>(from[i + 8] >> 4 | from[i + 4] >> 6 << 4);
  }
}

// 64 codes of 4 bits from each 32 bytes, four times.
void four_bits(const uint8_t* from, uint8_t* codes) {
  for (size_t chunk = 0; chunk < 4; ++chunk) {
    for (size_t i = 0; i < 32; ++i) {
      codes[i] = from[i] & 15;
      codes[32 + i] = from[i] >> 4;
    }
    from += 32;
    codes += 64;
  }
}

void q4_k(const std::byte* at, const GgmlRow& out) {
  out.d[0] = field<float16>(at);
  out.dmin[0] = field<float16>(at + 2);
  six_bit_scales(bytes(at + 4), out);
  four_bits(bytes(at + 16), out.codes);
}

void q5_k(const std::byte* at, const GgmlRow& out) {
  out.d[0] = field<float16>(at);
  out.dmin[0] = field<float16>(at + 2);
  six_bit_scales(bytes(at + 4), out);
  four_bits(bytes(at + 48), out.codes);
  uint8_t* code = out.codes;
  for (int bit = 0; bit < 8; ++bit) {
    for (size_t i = 0; i < 32; ++i, ++code) {
      *code = static_cast<uint8_t>(*code | (bytes(at + 16)[i] >> bit & 1) << 4);
    }
  }
}

void q6_k(const std::byte* at, const GgmlRow& out) {
  out.d[0] = field<float16>(at + 208);
  __builtin_memcpy(out.scales, at + 192, 16);
  uint8_t* codes = out.codes;
  for (size_t half = 0; half < 2; ++half) {
    const uint8_t* low = bytes(at) + 64 * half;
    const uint8_t* high = bytes(at + 128) + 32 * half;
    for (size_t i = 0; i < 32; ++i) {
      codes[i] = static_cast<uint8_t>((low[i] & 15) | (high[i] & 3) << 4);
      codes[32 + i] = static_cast<uint8_t>((low[32 + i] & 15) | (high[i] >> 2 & 3) << 4);
      codes[64 + i] = static_cast<uint8_t>(low[i] >> 4 | (high[i] >> 4 & 3) << 4);
      codes[96 + i] = static_cast<uint8_t>(low[32 + i] >> 4 | high[i] >> 6 << 4);
    }
    codes += 128;
  }
}

void iq4_xs(const std::byte* at, const GgmlRow& out) {
  out.d[0] = field<float16>(at);
  const auto high = field<uint16_t>(at + 2);
  for (size_t i = 0; i < 8; ++i) {
    const int low = bytes(at + 4)[i / 2] >> (4 * (i % 2)) & 15;
    subs(out)[i] = static_cast<int8_t>((low | (high >> (2 * i) & 3) << 4) - 32);
  }
  const uint8_t* from = bytes(at + 8);
  for (size_t i = 0; i < 8; ++i) {
    for (size_t k = 0; k < 16; ++k) {
      out.codes[32 * i + k] = from[16 * i + k] & 15;
      out.codes[32 * i + 16 + k] = from[16 * i + k] >> 4;
    }
  }
}

void ternary_scales(float16 d, const GgmlRow& out) {
  out.d[0] = d;
  for (size_t i = 0; i < 4; ++i) subs(out)[i] = 1;
}

// Five values to the base 3 in a byte, as the fraction code / 256: the digits come off its front.
void tq1_0(const std::byte* at, const GgmlRow& out) {
  ternary_scales(field<float16>(at + 52), out);
  uint8_t* code = out.codes;
  const auto digits = [&](const uint8_t* from, size_t count, int most) {
    int power = 1;
    for (int digit = 0; digit < most; ++digit, power *= 3) {
      for (size_t i = 0; i < count; ++i) {
        const auto rest = static_cast<uint8_t>(from[i] * power);
        *code++ = static_cast<uint8_t>(rest * 3 >> 8);
      }
    }
  };
  digits(bytes(at), 32, 5);
  digits(bytes(at + 32), 16, 5);
  digits(bytes(at + 48), 4, 4);
}

void tq2_0(const std::byte* at, const GgmlRow& out) {
  ternary_scales(field<float16>(at + 64), out);
  two_bits(bytes(at), out.codes);
}

}  // namespace

UnpackBlock k_unpack(GgmlType type) {
  switch (type) {
    case GgmlType::q2_k:
      return q2_k;
    case GgmlType::q3_k:
      return q3_k;
    case GgmlType::q4_k:
      return q4_k;
    case GgmlType::q5_k:
      return q5_k;
    case GgmlType::q6_k:
      return q6_k;
    case GgmlType::iq4_xs:
      return iq4_xs;
    case GgmlType::tq1_0:
      return tq1_0;
    case GgmlType::tq2_0:
      return tq2_0;
    default:
      return nullptr;
  }
}

}  // namespace tarn::quant
