#include "tarn/quant/ggml_encode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "tarn/base/error.h"
#include "tarn/base/half.h"
#include "tarn/quant/ggml_blocks.h"
#include "tarn/quant/ggml_encode_block.h"
#include "tarn/quant/ggml_encode_float.h"
#include "tarn/quant/ggml_encode_grid.h"
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

// 0 too for what is so small that its inverse is infinite: as a float16 it is zero.
float inverse(float x) {
  const float y = x == 0 ? 0 : 1 / x;
  return std::isfinite(y) ? y : 0;
}

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

float largest_of(const float* x, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  return largest;
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

void encode_q8_0(const float* x, const float* weights, std::byte* out) {
  if (weights != nullptr) {
    std::array<int8_t, block> codes;
    put(out, to_float16(search_scale(block, x, weights, -127, 127, codes.data())));
    std::memcpy(out + 2, codes.data(), codes.size());
    return;
  }
  const float d = largest_of(x, block) / 127;
  const float id = inverse(d);
  put(out, to_float16(d));
  for (size_t i = 0; i < block; ++i) {
    out[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::round(x[i] * id)));
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
      encode_q8_0(x, weights, out);
      return true;
    case GgmlType::mxfp4:
      encode_mxfp4(x, weights, out);
      return true;
    case GgmlType::nvfp4:
      encode_nvfp4(x, weights != nullptr ? weights : alike.data(), out);
      return true;
    case GgmlType::iq4_nl:
      encode_iq4_nl(x, weights != nullptr ? weights : alike.data(), out);
      return true;
    default:
      return false;
  }
}

// The largest magnitude that comes back finite and about as large as it was.
float largest_storable(GgmlType type) {
  switch (type) {
    case GgmlType::f32:
    case GgmlType::mxfp4:
      return std::numeric_limits<float>::max();
    case GgmlType::bf16:
      return to_float(bfloat16{0x7f7f});
    case GgmlType::nvfp4:
      return 448 * 6;
    default:
      return 65504;  // values and scales are float16
  }
}

void check_values(const GgmlTypeInfo& of, size_t columns, const float* values) {
  const float largest = largest_storable(of.type);
  size_t wrong = 0;
  for (size_t i = 0; i < columns; ++i) wrong += std::abs(values[i]) <= largest ? 0 : 1;
  if (wrong == 0) return;
  size_t i = 0;
  while (std::abs(values[i]) <= largest) ++i;
  fail(ErrorCode::invalid_argument,
       "GGUF type {}: the value at input {} is {}: magnitudes up to {} can be stored; check the "
       "weights or take BF16",
       of.name, i, values[i], largest);
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
      return is_super_type(type) || is_grid_type(type);
  }
}

void ggml_encode_row(GgmlType type, size_t columns, const float* values, const float* importance,
                     std::byte* out) {
  const GgmlTypeInfo& of = info(type);
  if (!can_encode(type)) {
    fail(ErrorCode::unsupported,
         "GGUF type {}: it is not one of weights; take one of those, Q4_K for example", of.name);
  }
  if (columns % of.block_values != 0) {
    fail(ErrorCode::invalid_argument,
         "GGUF type {}: {} inputs do not fill blocks of {}; take another format", of.name, columns,
         of.block_values);
  }
  check_values(of, columns, values);
  if (type == GgmlType::f32) return convert<float>(columns, values, out);
  if (type == GgmlType::f16) return convert<float16>(columns, values, out);
  if (type == GgmlType::bf16) return convert<bfloat16>(columns, values, out);
  if (is_grid_type(type)) return encode_grid_row(type, columns, values, importance, out);
  for (size_t i = 0; i < columns; i += of.block_values) {
    const float* weights = importance != nullptr ? importance + i : nullptr;
    if (!encode_small_block(type, values + i, weights, out)) {
      encode_super_block(type, values + i, weights, out);
    }
    out += of.block_bytes;
  }
}

}  // namespace tarn::quant
