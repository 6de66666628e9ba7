#include "tarn/quant/ggml_encode_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "tarn/base/half.h"
#include "tarn/quant/ggml_blocks.h"
#include "tarn/quant/scale_search.h"

namespace tarn::quant {
namespace {

constexpr size_t values = super_inputs;
using Codes = std::array<uint8_t, values>;

void put(std::byte* at, float value) {
  const float16 half = to_float16(value);
  std::memcpy(at, &half, sizeof(half));
}

float rounded_to_half(float x) { return to_float(to_float16(x)); }

int rounded(float x, int lowest, int highest) {
  return static_cast<int>(
      std::rint(std::clamp(x, static_cast<float>(lowest), static_cast<float>(highest))));
}

// A scale for all groups and a whole number for each: value ~ d * sub[group] * code.
struct TwoLevels {
  float d = 0;
  std::array<int, 16> sub{};
  std::array<int8_t, values> codes{};
};

// Codes of [lowest, highest], sub-scales of [sub_lowest, -sub_lowest - 1].
TwoLevels search_two_levels(const float* x, const float* weights, size_t group, int lowest,
                            int highest, int sub_lowest) {
  TwoLevels best;
  std::array<float, 16> scales{};
  for (size_t g = 0; g < values / group; ++g) {
    scales[g] = search_scale(group, x + g * group, weights + g * group, lowest, highest,
                             best.codes.data() + g * group);
  }
  const float farthest = *std::max_element(
      scales.begin(), scales.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (farthest == 0) return best;
  const auto assign = [&](float d) {
    for (size_t g = 0; g < values / group; ++g) {
      best.sub[g] = rounded(d != 0 ? scales[g] / d : 0, sub_lowest, -sub_lowest - 1);
      const float scale = d * static_cast<float>(best.sub[g]);
      for (size_t i = g * group; i < (g + 1) * group; ++i) {
        best.codes[i] =
            static_cast<int8_t>(scale != 0 ? rounded(x[i] / scale, lowest, highest) : 0);
      }
    }
  };
  best.d = rounded_to_half(farthest / static_cast<float>(sub_lowest));
  assign(best.d);
  // The best common scale for these whole numbers, and the best codes for it.
  float vc = 0, cc = 0;
  for (size_t i = 0; i < values; ++i) {
    const auto c = static_cast<float>(best.sub[i / group] * best.codes[i]);
    vc += weights[i] * x[i] * c;
    cc += weights[i] * c * c;
  }
  if (cc > 0 && vc != 0) {
    best.d = rounded_to_half(vc / cc);
    assign(best.d);
  }
  return best;
}

// value ~ d * sub[group] * code - dmin * min[group]
struct WithMins {
  float d = 0;
  float dmin = 0;
  std::array<int, 16> sub{};
  std::array<int, 16> min{};
  Codes codes{};
};

WithMins search_with_mins(const float* x, const float* weights, size_t group, int highest,
                          int sub_highest) {
  WithMins best;
  const size_t groups = values / group;
  std::array<ScaleAndMin, 16> fits{};
  float most = 0, most_min = 0;
  for (size_t g = 0; g < groups; ++g) {
    fits[g] = search_scale_and_min(group, x + g * group, weights + g * group, highest,
                                   best.codes.data() + g * group);
    most = std::max(most, fits[g].scale);
    most_min = std::max(most_min, fits[g].min);
  }
  const auto assign_codes = [&] {
    for (size_t i = 0; i < values; ++i) {
      const size_t g = i / group;
      const float scale = best.d * static_cast<float>(best.sub[g]);
      const float min = best.dmin * static_cast<float>(best.min[g]);
      best.codes[i] =
          static_cast<uint8_t>(scale > 0 ? rounded((x[i] + min) / scale, 0, highest) : 0);
    }
  };
  best.d = rounded_to_half(most / static_cast<float>(sub_highest));
  best.dmin = rounded_to_half(most_min / static_cast<float>(sub_highest));
  for (size_t g = 0; g < groups; ++g) {
    best.sub[g] = best.d > 0 ? rounded(fits[g].scale / best.d, 0, sub_highest) : 0;
    best.min[g] = best.dmin > 0 ? rounded(fits[g].min / best.dmin, 0, sub_highest) : 0;
  }
  assign_codes();
  // The best two common scales for these whole numbers, and the best codes for them.
  double aa = 0, ab = 0, bb = 0, av = 0, bv = 0;
  for (size_t i = 0; i < values; ++i) {
    const double a = static_cast<double>(best.sub[i / group]) * best.codes[i];
    const double b = -static_cast<double>(best.min[i / group]);
    const double w = weights[i];
    aa += w * a * a;
    ab += w * a * b;
    bb += w * b * b;
    av += w * a * x[i];
    bv += w * b * x[i];
  }
  const double determinant = aa * bb - ab * ab;
  if (determinant > 1e-12 * aa * bb) {
    const double d = (av * bb - bv * ab) / determinant;
    const double dmin = (bv * aa - av * ab) / determinant;
    if (d > 0 && dmin >= 0) {
      best.d = rounded_to_half(static_cast<float>(d));
      best.dmin = rounded_to_half(static_cast<float>(dmin));
      assign_codes();
    }
  }
  return best;
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

// 0, 1, 2 for -1, 0, 1, by the largest value, as ggml does it.
float ternary_codes(const float* x, Codes& codes) {
  float largest = 0;
  for (size_t i = 0; i < values; ++i) largest = std::max(largest, std::abs(x[i]));
  const float inverse = largest == 0 ? 0 : 1 / largest;
  for (size_t i = 0; i < values; ++i) {
    codes[i] = static_cast<uint8_t>(static_cast<int>(std::round(x[i] * inverse)) + 1);
  }
  return largest;
}

void encode_tq1_0(const float* x, std::byte* out) {
  Codes codes;
  const float d = ternary_codes(x, codes);
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

void encode_tq2_0(const float* x, std::byte* out) {
  Codes codes;
  const float d = ternary_codes(x, codes);
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
  switch (type) {
    case GgmlType::q2_k:
      return encode_q2_k(x, weights, out);
    case GgmlType::q3_k:
      return encode_q3_k(x, weights, out);
    case GgmlType::q4_k:
      return encode_q4_k(x, weights, out);
    case GgmlType::q5_k:
      return encode_q5_k(x, weights, out);
    case GgmlType::q6_k:
      return encode_q6_k(x, weights, out);
    case GgmlType::iq4_xs:
      return encode_iq4_xs(x, weights, out);
    case GgmlType::tq1_0:
      return encode_tq1_0(x, out);
    default:
      return encode_tq2_0(x, out);
  }
}

}  // namespace tarn::quant
