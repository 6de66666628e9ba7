// Block floats: floats of 4 or 8 bits that share a scale with their neighbours in a row.
//
// As MLX stores them, a weight matrix [rows, columns] is, all row-major:
//   codes   uint32 [rows, columns * bits / 32]   lowest bits first
//   scales  uint8  [rows, columns / group_size]
//   mode    codes   scales           group   value of a code
//   mxfp4   e2m1    e8m0 (2^(s-127))    32   code * scale
//   mxfp8   e4m3    e8m0                32   code * scale
//   nvfp4   e2m1    e4m3                16   code * (scale * tensor_scale)
// (OCP Microscaling Formats specification 1.0; for nvfp4 the tensor scale that checkpoints publish
// as weight_scale_2, which is mlx.core's global_scale / (448 * 6); 1 where there is none.)
//
// Rows are independent: callers split the work by rows and pass moved pointers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/base/half.h"
#include "tarn/quant/format.h"

namespace tarn::quant {

// Four bits, a sign above: 0, 0.5, 1, 1.5, 2, 3, 4, 6.
float e2m1_to_float(uint8_t code);
// The nearest; between two, the smaller in magnitude; beyond the last, the last; never minus zero.
uint8_t to_e2m1(float x);
// To nearest even; beyond 448 it is 448; NaN stays NaN.
float8_e4m3 to_float8_e4m3(float x);
// A float16 cut to a byte: infinities, NaN and subnormals as float16 has them. To nearest even,
// beyond the largest 57344 to infinity.
float e5m2_to_float(uint8_t bits);
uint8_t to_e5m2(float x);
// 2^(bits - 127), infinite for 255, which the specification calls NaN.
float e8m0_to_float(uint8_t bits);

// Below, `mode` is mxfp4, mxfp8 or nvfp4; invalid_argument for others, for columns that do not fill
// groups, and for a tensor scale that is not positive, or not 1 in the mx modes.

// Bit for bit mlx.core.quantize for values that the format reaches: a group's scale is the smallest
// power of two (mx), or the nearest e4m3 (nv), at which its largest value is at most 6 or 448.
// Where MLX wraps around, the value nearest to the input is stored: groups under 2^-127 in mxfp4
// and mxfp8, values over 2688 tensor scales in nvfp4. invalid_argument, naming the place, for a
// value that is not finite.
void block_float_encode(FormatMode mode, size_t rows, size_t columns, const float* values,
                        float tensor_scale, uint32_t* codes, uint8_t* scales);

// out [rows, columns]; bit for bit mlx.core.dequantize to float32.
void block_float_decode(FormatMode mode, size_t rows, size_t columns, const uint32_t* codes,
                        const uint8_t* scales, float tensor_scale, float* out);

}  // namespace tarn::quant
