// The grids that the IQ formats choose groups of values from.
#pragma once

#include <cstdint>
#include <span>

#include "tarn/quant/ggml_type.h"

namespace tarn::quant {

// Entries of 8 levels, 2 bits each: 0, 1, 2 stand for 8, 25, 43 (IQ2) or for -1, 0, 1 (IQ1); or of
// 4 levels, 3 bits each (IQ3). Empty for other types.
std::span<const uint16_t> ggml_grid(GgmlType type);

}  // namespace tarn::quant
