// Scales in two levels for blocks of 256 values, by weighted least squares: a float16 for the block
// and a whole number for each group.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tarn/quant/panel.h"

namespace tarn::quant {

// value ~ d * sub[group] * code
struct TwoLevels {
  float d = 0;  // a float16
  std::array<int, 16> sub{};
  std::array<int8_t, super_inputs> codes{};
};

// Groups of `group` values, codes of [lowest, highest], sub-scales of [sub_lowest, -sub_lowest -
// 1].
TwoLevels search_two_levels(const float* values, const float* weights, size_t group, int lowest,
                            int highest, int sub_lowest);

// value ~ d * sub[group] * code - dmin * min[group]
struct WithMins {
  float d = 0;     // float16, not negative
  float dmin = 0;  // the same
  std::array<int, 16> sub{};
  std::array<int, 16> min{};
  std::array<uint8_t, super_inputs> codes{};
};

// Codes of [0, highest], sub-scales and sub-mins of [0, sub_highest].
WithMins search_with_mins(const float* values, const float* weights, size_t group, int highest,
                          int sub_highest);

}  // namespace tarn::quant
