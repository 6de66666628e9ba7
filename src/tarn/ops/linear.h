// Products with weight matrices [N, K] in their storage type: what layers of a network are made of.
#pragma once

#include <optional>

#include "tarn/core/array.h"

namespace tarn {

// x [..., K] times weight [N, K] transposed, plus bias [N]: [..., N] in x's dtype. The weight is
// read in place as f32, f16 or bf16, whatever x is; sums are float32.
array linear(const array& x, const array& weight, const std::optional<array>& bias = std::nullopt);

// Rows of weight [N, K] (f32, f16, bf16; read in place) for ids of any integer dtype: [..., K]
// float32. An id outside [0, N) is an error.
array embedding(const array& ids, const array& weight);

}  // namespace tarn
