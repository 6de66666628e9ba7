// Causal depthwise convolution over time with a carried state, as in Mamba and gated delta
// networks.
#pragma once

#include <cstdint>

#include "tarn/cpu/isa/float_type.h"
#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

constexpr int64_t conv_max_width = 8;

// y[t, c] = act(bias[c] + sum_j weight[j, c] * in[t + j, c]), in = state's W-1 rows followed by x.
// Strides are in elements. x and out may be the same array.
struct CausalConvArgs {
  const float* x;  // [T, C], row stride ldx
  int64_t ldx;
  float* out;  // [T, C], row stride ldo
  int64_t ldo;
  int64_t t;           // T >= 0
  const void* weight;  // [W, C] of param_type, contiguous; tap W-1 meets the current token
  int64_t channels;    // C
  const void* bias;    // [C] of param_type, or null
  FloatType param_type;
  int64_t width;  // W, 2..conv_max_width
  float* state;   // [W-1, C], row stride ld_state, oldest first; holds the last inputs on return
  int64_t ld_state;
  bool silu;  // act(y) = y * sigmoid(y), else the identity
};

struct ConvKernels {
  // Channels [c0, c1). Cutting a sequence into calls that carry the state leaves every bit as it
  // is.
  void (*causal_conv)(const CausalConvArgs& args, int64_t c0, int64_t c1);
};

TARN_DECLARE_KERNEL_TABLES(ConvKernels, conv);

}  // namespace tarn::cpu
