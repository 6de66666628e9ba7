// Rotary position embedding (https://arxiv.org/abs/2104.09864).
//
// angle[i] = float(position) * inv_freq[i], rounded to float as the reference implementations do;
// pair i of the first rotary_dim values turns by it: (a, b) -> (a cos - b sin, b cos + a sin). The
// pair is (x[i], x[i + rotary_dim/2]), or (x[2i], x[2i+1]) when traditional. Values from rotary_dim
// on are copied.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

// Strides are in elements; the last dimension is contiguous. x and out may be the same array with
// the same strides; any other overlap is not allowed.
struct RopeArgs {
  const float* x;  // [B, H, T, D] in any order of the first three, by strides
  int64_t x_batch_stride, x_head_stride, x_token_stride;
  float* out;  // the same shape
  int64_t out_batch_stride, out_head_stride, out_token_stride;
  int64_t batch, heads, tokens;  // B, H, T
  int64_t head_dim;              // D
  int64_t rotary_dim;            // even, 2..D
  bool traditional;
  float attention_scaling = 1.F;  // multiplies cos and sin (YaRN's temperature)

  // Either the angles' parts ...
  const int32_t* positions = nullptr;  // [B, T]
  int64_t position_batch_stride = 0;   // 0: all sequences share one row of positions
  const float* inv_freq = nullptr;     // [rotary_dim / 2]
  // ... or, where cos_table is not null, finished tables, used instead of them and not scaled
  // again.
  const float* cos_table = nullptr;  // [B * T, rotary_dim / 2] contiguous
  const float* sin_table = nullptr;
};

struct RopeKernels {
  // Rotates heads [item0, item1) of the B*T*H; item = (b * T + t) * H + h.
  // scratch: rope_scratch_bytes(rotary_dim), one for each thread.
  void (*rope)(const RopeArgs& args, int64_t item0, int64_t item1, void* scratch);
  // The tables of rows [row0, row1): out_cos[row * half + i] = cos(angle) * attention_scaling,
  // likewise out_sin. positions: [rows]; inv_freq: [half].
  void (*tables)(const int32_t* positions, const float* inv_freq, int64_t half,
                 float attention_scaling, int64_t row0, int64_t row1, float* out_cos,
                 float* out_sin);
};

constexpr size_t rope_scratch_bytes(int64_t rotary_dim) {
  return static_cast<size_t>(rotary_dim) * sizeof(float);
}

TARN_DECLARE_KERNEL_TABLES(RopeKernels, rope);

}  // namespace tarn::cpu
