// Palettes: look-up tables whose float16 entries are the values themselves, as Core ML Tools
// palettizes weights. 16 rows share a table, or the whole matrix does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/base/half.h"
#include "tarn/quant/format.h"

namespace tarn::quant {

// `table` [2^bits] gets, rising, with the last repeated where there are fewer,
//   kmeans   the entries with the least weighted squared error, before they are rounded to float16
//            (values are sorted into 65536 cells where there are more and they are not bfloat16)
//   uniform  evenly spaced ones from the least to the greatest value
//   unique   the distinct values
// and `codes` [rows, columns] the nearest entries, a byte each. `importance` [columns] weighs
// errors by input; null: all alike. Weights are finite.
//
// invalid_argument: with unique, more than 2^bits distinct values or one that is no float16 (says
// which remedy there is); a value beyond float16.
void palette_encode(const Format& format, size_t rows, size_t columns, const float* weights,
                    const float* importance, uint8_t* codes, float16* table);

}  // namespace tarn::quant
