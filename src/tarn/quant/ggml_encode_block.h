// Making blocks of 256 values with scales in two levels.
#pragma once

#include <cstddef>

#include "tarn/quant/ggml_type.h"

namespace tarn::quant {

// Q2_K to Q6_K, IQ4_XS, TQ1_0, TQ2_0.
bool is_super_type(GgmlType type);

// x [256], weights [256] -> one block. weights null: all alike; TQ1_0 and TQ2_0 are then rounded as
// ggml does it.
void encode_super_block(GgmlType type, const float* x, const float* weights, std::byte* out);

}  // namespace tarn::quant
