// Normalisation of rows. Each function does rows [r0, r1); a row's bits depend on that row alone.
// x and out may be the same array (with the same row stride). Strides are in elements.
#pragma once

#include <cstdint>

#include "tarn/cpu/isa/float_type.h"
#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

struct NormArgs {
  const float* x;  // [R, D], row stride ldx
  int64_t ldx;
  float* out;  // [R, D], row stride ldo
  int64_t ldo;
  int64_t d;                  // D >= 1
  const void* weight;         // [D] of param_type, or null for ones
  const void* bias;           // [D] of param_type, or null for zeros; layer_norm only
  FloatType param_type;       //
  float weight_offset = 0.F;  // added to each weight: 1 for zero-centred weights
  float eps = 1e-6F;
  const float* gate = nullptr;  // [R, D], row stride ldg; rms_norm only, null for none
  int64_t ldg = 0;
};

struct L2NormArgs {
  const float* x;  // [R, D], row stride ldx
  int64_t ldx;
  float* out;
  int64_t ldo;
  int64_t d;
  float eps = 1e-6F;
  float scale = 1.F;  // multiplies the result
};

struct SoftmaxArgs {
  const float* x;  // [R, D], row stride ldx
  int64_t ldx;
  float* out;
  int64_t ldo;
  int64_t d;
  float scale = 1.F;  // multiplies x, must be positive
};

struct NormKernels {
  // x / sqrt(mean(x^2) + eps) * (weight + weight_offset), then * silu(gate) where there is a gate.
  void (*rms_norm)(const NormArgs& args, int64_t r0, int64_t r1);
  // (x - mean) / sqrt(var + eps) * (weight + weight_offset) + bias, var the population variance.
  void (*layer_norm)(const NormArgs& args, int64_t r0, int64_t r1);
  // x / sqrt(sum(x^2) + eps) * scale.
  void (*l2_norm)(const L2NormArgs& args, int64_t r0, int64_t r1);
  // exp(x - max) / sum. -inf gives 0; a row of -inf alone gives zeros where other libraries give
  // NaN, so that a fully masked row stays harmless. A NaN or +inf in a row makes the row NaN.
  void (*softmax)(const SoftmaxArgs& args, int64_t r0, int64_t r1);
};

TARN_DECLARE_KERNEL_TABLES(NormKernels, norm);

}  // namespace tarn::cpu
