// Scales for a group of values by weighted least squares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tarn::quant {

// value ~ scale * code for codes of [lowest, highest]; the scale may be negative. Zero when all
// values are zero or nothing weighs. Fills `codes`.
float search_scale(size_t count, const float* values, const float* weights, int lowest, int highest,
                   int8_t* codes);

// value ~ scale * code - min for codes of [0, highest], scale >= 0, min >= 0.
struct ScaleAndMin {
  float scale;
  float min;
};
ScaleAndMin search_scale_and_min(size_t count, const float* values, const float* weights,
                                 int highest, uint8_t* codes);

// value ~ scale * table[code]; the table rises.
float search_table_scale(size_t count, const float* values, const float* weights,
                         std::span<const int8_t> table, uint8_t* codes);
// The nearest entry for each value at a given scale.
void nearest_codes(size_t count, const float* values, float scale, std::span<const int8_t> table,
                   uint8_t* codes);

}  // namespace tarn::quant
