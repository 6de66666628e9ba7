#include "tarn/quant/ggml_encode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "tarn/base/error.h"
#include "tarn/base/half.h"
#include "tarn/quant/ggml_blocks.h"
#include "tarn/quant/ggml_encode_block.h"
#include "tarn/quant/scale_search.h"

namespace tarn::quant {
namespace {

constexpr size_t block = 32;
constexpr std::array<float, super_inputs> alike = [] {
  std::array<float, super_inputs> ones{};
  ones.fill(1);
  return ones;
}();

template <typename T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

float inverse(float x) { return x == 0 ? 0 : 1 / x; }

void put_nibbles(const uint8_t* codes, size_t half, std::byte* out) {
  for (size_t i = 0; i < half; ++i) {
    out[i] = static_cast<std::byte>((codes[i] & 15) | (codes[half + i] & 15) << 4);
  }
}

void put_fifth_bits(const uint8_t* codes, std::byte* out) {
  uint32_t bits = 0;
  for (size_t i = 0; i < block; ++i) bits |= static_cast<uint32_t>(codes[i] >> 4 & 1) << i;
  put(out, bits);
}

uint8_t truncated(float x, int highest) {
  return static_cast<uint8_t>(std::clamp(static_cast<int>(x), 0, highest));
}

// Q4_0 and Q5_0: the value farthest from zero becomes the least code.
void encode_symmetric(const float* x, const float* weights, int bits, std::byte* out) {
  const int half = 1 << (bits - 1);
  std::array<uint8_t, block> codes{};
  float d = 0;
  if (weights == nullptr) {
    const float farthest =
        *std::max_element(x, x + block, [](float a, float b) { return std::abs(a) < std::abs(b); });
    d = farthest / static_cast<float>(-half);
    const float id = inverse(d);
    for (size_t i = 0; i < block; ++i) {
      codes[i] = truncated(x[i] * id + (static_cast<float>(half) + 0.5F), 2 * half - 1);
    }
  } else {
    std::array<int8_t, block> around_zero{};
    d = search_scale(block, x, weights, -half, half - 1, around_zero.data());
    for (size_t i = 0; i < block; ++i) codes[i] = static_cast<uint8_t>(around_zero[i] + half);
  }
  put(out, to_float16(d));
  if (bits == 5) put_fifth_bits(codes.data(), out + 2);
  put_nibbles(codes.data(), block / 2, out + (bits == 5 ? 6 : 2));
}

// Q4_1 and Q5_1: from the least value to the largest.
void encode_affine(const float* x, const float* weights, int bits, std::byte* out) {
  const int highest = (1 << bits) - 1;
  std::array<uint8_t, block> codes{};
  const float least = *std::min_element(x, x + block);
  float d = (*std::max_element(x, x + block) - least) / static_cast<float>(highest);
  float m = least;
  if (weights == nullptr) {
    const float id = inverse(d);
    for (size_t i = 0; i < block; ++i) codes[i] = truncated((x[i] - least) * id + 0.5F, highest);
  } else {
    // A block whose values are all positive has a positive least one: fit what is above it.
    std::array<float, block> above{};
    const float base = std::max(0.0F, least);
    for (size_t i = 0; i < block; ++i) above[i] = x[i] - base;
    const ScaleAndMin fit =
        search_scale_and_min(block, above.data(), weights, highest, codes.data());
    d = fit.scale;
    m = base - fit.min;
  }
  put(out, to_float16(d));
  put(out + 2, to_float16(m));
  if (bits == 5) put_fifth_bits(codes.data(), out + 4);
  put_nibbles(codes.data(), block / 2, out + (bits == 5 ? 8 : 4));
}

void encode_q8_0(const float* x, std::byte* out) {
  float largest = 0;
  for (size_t i = 0; i < block; ++i) largest = std::max(largest, std::abs(x[i]));
  const float d = largest / 127;
  const float id = inverse(d);
  put(out, to_float16(d));
  for (size_t i = 0; i < block; ++i) {
    out[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::round(x[i] * id)));
  }
}

// The nearest of the doubled e2m1 values to x / d, the first of equals.
uint8_t nearest_e2m1(float x, float d) {
  const std::span<const int8_t> table = ggml_table(GgmlType::mxfp4);
  uint8_t best = 0;
  float least = INFINITY;
  for (uint8_t code = 0; code < table.size(); ++code) {
    const float error = std::abs(d * static_cast<float>(table[code]) - x);
    if (error < least) {
      least = error;
      best = code;
    }
  }
  return best;
}

void encode_mxfp4(const float* x, std::byte* out) {
  float largest = 0;
  for (size_t i = 0; i < block; ++i) largest = std::max(largest, std::abs(x[i]));
  int exponent = 0;
  if (largest > 0) {
    exponent = static_cast<int>(std::floor(std::log2(largest))) - 2 + 127;
    exponent = std::clamp(exponent, 0, 254);
  }
  const float d = std::ldexp(1.0F, exponent - 128);
  std::array<uint8_t, block> codes{};
  for (size_t i = 0; i < block; ++i) codes[i] = nearest_e2m1(x[i], d);
  out[0] = static_cast<std::byte>(exponent);
  put_nibbles(codes.data(), block / 2, out + 1);
}

// Unsigned e4m3 from 0 to 448.
uint8_t to_e4m3(float x) {
  if (!(x > 0)) return 0;
  if (x >= 448) return 0x7e;
  if (x < 0x1p-6F) return static_cast<uint8_t>(std::min(x * 512 + 0.5F, 7.0F));
  const auto bits = std::bit_cast<uint32_t>(x) + 0x80000U;  // half a step of three bits
  return static_cast<uint8_t>(((bits >> 23) - 120) << 3 | (bits >> 20 & 7));
}

void encode_nvfp4(const float* x, std::byte* out) {
  for (size_t sub = 0; sub < 4; ++sub) {
    float largest = 0;
    for (size_t i = 0; i < 16; ++i) largest = std::max(largest, std::abs(x[16 * sub + i]));
    const uint8_t scale = to_e4m3(largest / 6);
    const float d = to_float(float8_e4m3{scale}) * 0.5F;
    std::array<uint8_t, 16> codes{};
    for (size_t i = 0; i < 16; ++i) codes[i] = nearest_e2m1(x[16 * sub + i], d);
    out[sub] = static_cast<std::byte>(scale);
    put_nibbles(codes.data(), 8, out + 4 + 8 * sub);
  }
}

void encode_iq4_nl(const float* x, const float* weights, std::byte* out) {
  std::array<uint8_t, block> codes{};
  const float d = search_table_scale(block, x, weights, ggml_table(GgmlType::iq4_nl), codes.data());
  put(out, to_float16(d));
  put_nibbles(codes.data(), block / 2, out + 2);
}

template <typename T>
void convert(size_t columns, const float* values, std::byte* out) {
  for (size_t i = 0; i < columns; ++i) put(out + i * sizeof(T), from_float<T>(values[i]));
}

// `weights`: null only where ggml's rounding is asked for.
bool encode_small_block(GgmlType type, const float* x, const float* weights, std::byte* out) {
  switch (type) {
    case GgmlType::q4_0:
      encode_symmetric(x, weights, 4, out);
      return true;
    case GgmlType::q5_0:
      encode_symmetric(x, weights, 5, out);
      return true;
    case GgmlType::q4_1:
      encode_affine(x, weights, 4, out);
      return true;
    case GgmlType::q5_1:
      encode_affine(x, weights, 5, out);
      return true;
    case GgmlType::q8_0:
      encode_q8_0(x, out);
      return true;
    case GgmlType::mxfp4:
      encode_mxfp4(x, out);
      return true;
    case GgmlType::nvfp4:
      encode_nvfp4(x, out);
      return true;
    case GgmlType::iq4_nl:
      encode_iq4_nl(x, weights != nullptr ? weights : alike.data(), out);
      return true;
    default:
      return false;
  }
}

}  // namespace

bool can_encode(GgmlType type) {
  switch (type) {
    case GgmlType::f32:
    case GgmlType::f16:
    case GgmlType::bf16:
    case GgmlType::q4_0:
    case GgmlType::q4_1:
    case GgmlType::q5_0:
    case GgmlType::q5_1:
    case GgmlType::q8_0:
    case GgmlType::mxfp4:
    case GgmlType::nvfp4:
    case GgmlType::iq4_nl:
      return true;
    default:
      return is_super_type(type);
  }
}

void ggml_encode_row(GgmlType type, size_t columns, const float* values, const float* importance,
                     std::byte* out) {
  if (type == GgmlType::f32) return convert<float>(columns, values, out);
  if (type == GgmlType::f16) return convert<float16>(columns, values, out);
  if (type == GgmlType::bf16) return convert<bfloat16>(columns, values, out);
  const GgmlTypeInfo& of = info(type);
  if (!can_encode(type)) {
    fail(ErrorCode::unsupported,
         "GGUF type {}: Tarn reads it but does not make it; take IQ4_XS, Q3_K or Q2_K", of.name);
  }
  for (size_t i = 0; i < columns; i += of.block_values) {
    const float* weights = importance != nullptr ? importance + i : nullptr;
    if (!encode_small_block(type, values + i, weights, out)) {
      encode_super_block(type, values + i, weights != nullptr ? weights : alike.data(), out);
    }
    out += of.block_bytes;
  }
}

}  // namespace tarn::quant
