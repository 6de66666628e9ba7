// Rotary position embedding (https://arxiv.org/abs/2104.09864).
#pragma once

#include "tarn/core/array.h"

namespace tarn {

// Rotates the first 2 * len(inv_freq) values of each head of x [B, H, T, D]; the rest is copied.
// Pair i of the token at position p turns by the angle p * inv_freq[i]; pairs are (i, i + dims/2),
// or (2i, 2i + 1) when `traditional`. Token t of sequence b stands at offset[b] + t. inv_freq:
// float32 [dims / 2]. offset: int32, [] or [B]. scaling multiplies the rotated values (YaRN's
// attention factor). The result lies in memory as x does.
array rope(const array& x, const array& inv_freq, const array& offset, bool traditional = false,
           float scaling = 1.0F);

// inv_freq[i] = base^(-2i / dims) * scale, as MLX's rope takes it.
array rope_frequencies(int dims, float base, float scale = 1.0F);

}  // namespace tarn
