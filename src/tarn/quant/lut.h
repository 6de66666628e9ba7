// Look-up tables (palettized weights): a code is an index into a table of 2^bits signed bytes that
// 16 rows share, scaled by row or by group of inputs:
//   value = table[code] / 128 * scale
// A matrix [rows, columns] is, row-major:
//   codes   uint32 [rows, columns * bits / 32]    the bit stream of quant/affine.h: 6-bit codes
//   take
//                                                 6 bits
//   tables  int8 [ceil(rows / 16), 2^bits]
//   scales  float32 [rows], or float16 [rows, columns / group_size]
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/base/half.h"

namespace tarn::quant {

inline constexpr size_t lut_rows = 16;  // share a table
inline constexpr float lut_unit = 128;  // a scale stands for about the largest magnitude

struct LutFormat {
  int bits;        // 1, 2, 3, 4, 6 or 8
  int group_size;  // 0: a scale for each row; else 32 or 64 inputs
};

// One table's rows, up to 16: tables and scales with the least squared error that alternating
// finds. The table is the best one for its scales (quant/level_search.h), codes are the best ones
// for the table, scales the least squares ones for the codes. `importance` [columns] weighs errors
// by input; null: all alike. Weights are finite; columns are a multiple of 32 and of the group.
//   codes [rows, columns] one byte each, table [2^bits], scales as above
void lut_encode(const LutFormat& format, size_t rows, size_t columns, const float* weights,
                const float* importance, uint8_t* codes, int8_t* table, void* scales);

}  // namespace tarn::quant
