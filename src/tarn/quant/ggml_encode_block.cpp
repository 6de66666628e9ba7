#include "tarn/quant/ggml_encode_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "tarn/base/half.h"
#include "tarn/quant/ggml_blocks.h"
#include "tarn/quant/scale_search.h"
#include "tarn/quant/two_level_search.h"

namespace tarn::quant {
namespace {

constexpr size_t values = super_inputs;
using Codes = std::array<uint8_t, values>;
constexpr std::array<float, values> alike = [] {
  std::array<float, values> ones{};
  ones.fill(1);
  return ones;
}();

void put(std::byte* at, float value) {
  const float16 half = to_float16(value);
  std::memcpy(at, &half, sizeof(half));
}

float rounded_to_half(float x) { return to_float(to_float16(x)); }

int rounded(float x, int lowest, int highest) {
  return static_cast<int>(
      std::rint(std::clamp(x, static_cast<float>(lowest), static_cast<float>(highest))));
}

// The inverses of ggml_unpack_k.cpp.
void put_two_bits(const Codes& codes, std::byte* out) {
  for (size_t half = 0; half < 2; ++half) {
    for (size_t i = 0; i < 32; ++i) {
      unsigned byte = 0;
      for (size_t s = 0; s < 4; ++s) byte |= (codes[128 * half + 32 * s + i] & 3U) << (2 * s);
      out[32 * half + i] = static_cast<std::byte>(byte);
    }
  }
}

void put_four_bits(const Codes& codes, std::byte* out) {
  for (size_t chunk = 0; chunk < 4; ++chunk) {
    for (size_t i = 0; i < 32; ++i) {
      out[32 * chunk + i] = static_cast<std::byte>((codes[64 * chunk + i] & 15U) |
                                                   (codes[64 * chunk + 32 + i] & 15U) << 4);
    }
  }
}

// Bit `bit` of the codes: one bit plane of 32 bytes.
void put_plane(const Codes& codes, int bit, std::byte* out) {
  for (size_t i = 0; i < 32; ++i) {
    unsigned byte = 0;
    for (size_t k = 0; k < 8; ++k) byte |= (codes[32 * k + i] >> bit & 1U) << k;
    out[i] = static_cast<std::byte>(byte);
  }
}

void put_six_bit_scales(const WithMins& fit, std::byte* out) {
  for (size_t i = 0; i < 4; ++i) {
    const int sub = fit.sub[i], min = fit.min[i];
    const int high_sub = fit.sub[i + 4], high_min = fit.min[i + 4];
    out[i] = static_cast<std::byte>(sub | high_sub >> 4 << 6);
    out[i + 4] = static_cast<std::byte>(min | high_min >> 4 << 6);
    out[i + 8] = static_cast<std::byte>((high_sub & 15) | (high_min & 15) << 4);
  }
}

void encode_q2_k(const float* x, const float* weights, std::byte* out) {
  const WithMins fit = search_with_mins(x, weights, 16, 3, 15);
  for (size_t i = 0; i < 16; ++i) out[i] = static_cast<std::byte>(fit.sub[i] | fit.min[i] << 4);
  put_two_bits(fit.codes, out + 16);
  put(out + 80, fit.d);
  put(out + 82, fit.dmin);
}

void encode_q3_k(const float* x, const float* weights, std::byte* out) {
  const TwoLevels fit = search_two_levels(x, weights, 16, -4, 3, -32);
  Codes codes;
  for (size_t i = 0; i < values; ++i) codes[i] = static_cast<uint8_t>(fit.codes[i] + 4);
  put_plane(codes, 2, out);
  put_two_bits(codes, out + 32);
  std::array<unsigned, 12> scales{};
  for (size_t i = 0; i < 16; ++i) {
    const auto sub = static_cast<unsigned>(fit.sub[i] + 32);
    scales[i % 8] |= (sub & 15U) << (i < 8 ? 0 : 4);
    scales[8 + i % 4] |= sub >> 4 << (2 * (i / 4));
  }
  for (size_t i = 0; i < 12; ++i) out[96 + i] = static_cast<std::byte>(scales[i]);
  put(out + 108, fit.d);
}

void encode_q4_k(const float* x, const float* weights, std::byte* out) {
  const WithMins fit = search_with_mins(x, weights, 32, 15, 63);
  put(out, fit.d);
  put(out + 2, fit.dmin);
  put_six_bit_scales(fit, out + 4);
  put_four_bits(fit.codes, out + 16);
}

void encode_q5_k(const float* x, const float* weights, std::byte* out) {
  const WithMins fit = search_with_mins(x, weights, 32, 31, 63);
  put(out, fit.d);
  put(out + 2, fit.dmin);
  put_six_bit_scales(fit, out + 4);
  put_plane(fit.codes, 4, out + 16);
  put_four_bits(fit.codes, out + 48);
}

void encode_q6_k(const float* x, const float* weights, std::byte* out) {
  const TwoLevels fit = search_two_levels(x, weights, 16, -32, 31, -128);
  Codes codes;
  for (size_t i = 0; i < values; ++i) codes[i] = static_cast<uint8_t>(fit.codes[i] + 32);
  for (size_t half = 0; half < 2; ++half) {
    const uint8_t* at = codes.data() + 128 * half;
    for (size_t i = 0; i < 32; ++i) {
      out[64 * half + i] = static_cast<std::byte>((at[i] & 15U) | (at[64 + i] & 15U) << 4);
      out[64 * half + 32 + i] =
          static_cast<std::byte>((at[32 + i] & 15U) | (at[96 + i] & 15U) << 4);
      const unsigned high =
          at[i] >> 4 | at[32 + i] >> 4 << 2 | at[64 + i] >> 4 << 4 | at[96 + i] >> 4 << 6;
      out[128 + 32 * half + i] = static_cast<std::byte>(high);
    }
  }
  for (size_t i = 0; i < 16; ++i) out[192 + i] = static_cast<std::byte>(fit.sub[i]);
  put(out + 208, fit.d);
}

void encode_iq4_xs(const float* x, const float* weights, std::byte* out) {
  const std::span<const int8_t> table = ggml_table(GgmlType::iq4_xs);
  Codes codes{};
  std::array<float, 8> scales{};
  for (size_t g = 0; g < 8; ++g) {
    scales[g] = search_table_scale(32, x + 32 * g, weights + 32 * g, table, codes.data() + 32 * g);
  }
  const float farthest = *std::max_element(
      scales.begin(), scales.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  const float d = rounded_to_half(farthest / -32);
  unsigned high = 0;
  std::array<unsigned, 4> low{};
  for (size_t g = 0; g < 8; ++g) {
    const int sub = rounded(d != 0 ? scales[g] / d : 0, -32, 31);
    nearest_codes(32, x + 32 * g, d * static_cast<float>(sub), table, codes.data() + 32 * g);
    const auto stored = static_cast<unsigned>(sub + 32);
    low[g / 2] |= (stored & 15U) << (4 * (g % 2));
    high |= stored >> 4 << (2 * g);
  }
  put(out, d);
  const auto word = static_cast<uint16_t>(high);
  std::memcpy(out + 2, &word, sizeof(word));
  for (size_t i = 0; i < 4; ++i) out[4 + i] = static_cast<std::byte>(low[i]);
  for (size_t g = 0; g < 8; ++g) {
    for (size_t k = 0; k < 16; ++k) {
      out[8 + 16 * g + k] = static_cast<std::byte>(codes[32 * g + k] | codes[32 * g + 16 + k] << 4);
    }
  }
}

// 0, 1, 2 for -1, 0, 1: by the largest value, as ggml does it, or searched for. The scale.
float ternary_codes(const float* x, const float* weights, Codes& codes) {
  if (weights != nullptr) {
    std::array<int8_t, values> around_zero;
    const float scale = search_scale(values, x, weights, -1, 1, around_zero.data());
    for (size_t i = 0; i < values; ++i) codes[i] = static_cast<uint8_t>(around_zero[i] + 1);
    return scale;
  }
  float largest = 0;
  for (size_t i = 0; i < values; ++i) largest = std::max(largest, std::abs(x[i]));
  // What is so small that its inverse is infinite is zero as a float16.
  const float inverse = largest < 1e-37F ? 0 : 1 / largest;
  for (size_t i = 0; i < values; ++i) {
    codes[i] = static_cast<uint8_t>(static_cast<int>(std::round(x[i] * inverse)) + 1);
  }
  return largest;
}

void encode_tq1_0(const float* x, const float* weights, std::byte* out) {
  Codes codes;
  const float d = ternary_codes(x, weights, codes);
  const uint8_t* code = codes.data();
  const auto digits = [&](std::byte* to, size_t count, int most) {
    for (size_t i = 0; i < count; ++i) {
      int number = 0;
      for (int digit = 0; digit < 5; ++digit) {
        const size_t at = static_cast<size_t>(digit) * count + i;
        number = number * 3 + (digit < most ? code[at] : 0);
      }
      to[i] = static_cast<std::byte>((number * 256 + 242) / 243);
    }
    code += count * static_cast<size_t>(most);
  };
  digits(out, 32, 5);
  digits(out + 32, 16, 5);
  digits(out + 48, 4, 4);
  put(out + 52, d);
}

void encode_tq2_0(const float* x, const float* weights, std::byte* out) {
  Codes codes;
  const float d = ternary_codes(x, weights, codes);
  put_two_bits(codes, out);
  put(out + 64, d);
}

}  // namespace

bool is_super_type(GgmlType type) {
  switch (type) {
    case GgmlType::q2_k:
    case GgmlType::q3_k:
    case GgmlType::q4_k:
    case GgmlType::q5_k:
    case GgmlType::q6_k:
    case GgmlType::iq4_xs:
    case GgmlType::tq1_0:
    case GgmlType::tq2_0:
      return true;
    default:
      return false;
  }
}

void encode_super_block(GgmlType type, const float* x, const float* weights, std::byte* out) {
  if (type == GgmlType::tq1_0) return encode_tq1_0(x, weights, out);
  if (type == GgmlType::tq2_0) return encode_tq2_0(x, weights, out);
  const float* w = weights != nullptr ? weights : alike.data();
  switch (type) {
    case GgmlType::q2_k:
      return encode_q2_k(x, w, out);
    case GgmlType::q3_k:
      return encode_q3_k(x, w, out);
    case GgmlType::q4_k:
      return encode_q4_k(x, w, out);
    case GgmlType::q5_k:
      return encode_q5_k(x, w, out);
    case GgmlType::q6_k:
      return encode_q6_k(x, w, out);
    default:
      return encode_iq4_xs(x, w, out);
  }
}

}  // namespace tarn::quant
