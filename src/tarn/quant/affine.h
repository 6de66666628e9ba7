// Affine weight quantization in MLX's format: the value of a code is  code * scale + bias  with one
// scale and one bias for each group of consecutive inputs of a row.
//
// A weight matrix is [rows, columns]: rows are outputs, columns inputs. In memory, all row-major:
//   codes   uint32 [rows, columns * bits / 32]   one little-endian bit stream a row, lowest bits
//   first
//   scales  Scale   [rows, columns / group_size]
//   biases  Scale   [rows, columns / group_size]
// Rows are independent: callers split the work by rows and pass moved pointers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/base/half.h"

namespace tarn::quant {

// How scales and biases are stored. Affine matrices have the first three.
enum class ScaleType : uint8_t {
  f32,
  f16,
  bf16,
  e8m0,  // a byte: 2^(e - 127); here 255 is infinity and no NaN
  e4m3,  // a byte: float8 without infinities; here 0x7f is 480 and no NaN
};

constexpr size_t scale_type_bytes(ScaleType type) {
  if (type == ScaleType::e8m0 || type == ScaleType::e4m3) return 1;
  return type == ScaleType::f32 ? 4 : 2;
}

struct AffineFormat {
  int bits;        // 2, 3, 4, 5, 6 or 8
  int group_size;  // 32, 64 or 128
};

// invalid_argument when the format is none of the above or `columns` is no multiple of the group.
void check_affine(const AffineFormat& format, size_t columns);

// uint32 words of a row of `columns` codes; `columns` is a multiple of 32.
constexpr size_t packed_words(size_t columns, int bits) {
  return columns / 32 * static_cast<size_t>(bits);
}

// Scale is float, float16 or bfloat16. The codes are those of the float scale and bias, before
// these are rounded to Scale, as in mlx.core.quantize. A group with a NaN or an infinity decodes to
// NaN.
template <typename Scale>
void affine_encode(const AffineFormat& format, size_t rows, size_t columns, const float* weights,
                   uint32_t* codes, Scale* scales, Scale* biases);

// out [rows, columns]: the product and the sum each rounded to Out, which is float or Scale (the
// latter is mlx.core.dequantize).
template <typename Scale, typename Out>
void affine_decode(const AffineFormat& format, size_t rows, size_t columns, const uint32_t* codes,
                   const Scale* scales, const Scale* biases, Out* out);

// Between one byte a code and the packed bit stream; `count` is a multiple of 32, `bits` one of
// those above or 1. Bits of a byte above `bits` must be zero.
void pack_codes(int bits, size_t count, const uint8_t* codes, uint32_t* words);
void unpack_codes(int bits, size_t count, const uint32_t* words, uint8_t* codes);

}  // namespace tarn::quant
