// Making GGUF's block formats from floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/quant/ggml_type.h"

namespace tarn::quant {

// Whether ggml_encode_row can make the type: weights and F32, F16, BF16.
bool can_encode(GgmlType type);

// One row of `columns` values to `out`. `importance` [columns]: how much a squared error at an
// input counts, not negative; null: all alike.
//
// Without importance Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, MXFP4, TQ1_0 and TQ2_0 are rounded as ggml's own
// reference code does it, bit for bit. All others, and these with importance, are searched for: the
// scales with the least weighted squared error among some candidates, refined by least squares; of
// the types whose values stand on a grid (IQ1, IQ2, IQ3) the best entry for every scale tried. F32,
// F16 and BF16 are converted.
//
// invalid_argument: columns that do not fill blocks; a value, named, that is not finite or too
// large for the type (65504 where scales are float16, 2688 for NVFP4).
void ggml_encode_row(GgmlType type, size_t columns, const float* values, const float* importance,
                     std::byte* out);

}  // namespace tarn::quant
