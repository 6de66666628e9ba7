// Making blocks of 4-bit floats.
#pragma once

#include <cstddef>

namespace tarn::quant {

// values [32] -> 17 bytes. weights [32], null: rounded as ggml does it.
void encode_mxfp4(const float* values, const float* weights, std::byte* out);
// values, weights [64] -> 36 bytes.
void encode_nvfp4(const float* values, const float* weights, std::byte* out);

}  // namespace tarn::quant
