// Rows of a table in its storage type.
#pragma once

#include "tarn/core/array.h"

namespace tarn {

// Rows of weight [N, K] (f32, f16, bf16; read in place) for ids of any integer dtype: [..., K]
// float32. An id outside [0, N) is an error.
array embedding(const array& ids, const array& weight);

}  // namespace tarn
