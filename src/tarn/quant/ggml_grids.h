// The grids that the IQ formats choose groups of values from.
#pragma once

#include <cstdint>
#include <span>

#include "tarn/quant/ggml_type.h"

namespace tarn::quant {

// Entries of 8 levels, one a byte, the first one lowest: 0, 1, 2 stand for 8, 25, 43 (IQ2) or for
// -1, 0, 1 (IQ1). Empty for other types.
std::span<const uint64_t> grid_of_eight(GgmlType type);
// Entries of 4 levels of 0 .. 7 (IQ3).
std::span<const uint32_t> grid_of_four(GgmlType type);

}  // namespace tarn::quant
