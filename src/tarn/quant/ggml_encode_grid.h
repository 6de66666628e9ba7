// Making blocks whose values stand on a grid.
#pragma once

#include <cstddef>

#include "tarn/quant/ggml_type.h"

namespace tarn::quant {

// IQ1_S to IQ3_S.
bool is_grid_type(GgmlType type);

// values [columns] -> blocks; weights [columns], null: all alike.
void encode_grid_row(GgmlType type, size_t columns, const float* values, const float* weights,
                     std::byte* out);

}  // namespace tarn::quant
