// Functions of contiguous float arrays. An element's bits depend on its value alone, not on its
// place in the array or on the array's length, so any split over threads gives the same result.
// Input and output may be the same array; a partial overlap is not allowed. NaN gives NaN.
#pragma once

#include <cstdint>

#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

struct ElementwiseKernels {
  using Unary = void (*)(const float* x, float* out, int64_t n);
  using Gated = void (*)(const float* gate, const float* up, float* out, int64_t n);

  Unary exp;        // subnormal results are kept; overflow gives infinity
  Unary log;        // log(0) = -inf, log(x < 0) = NaN
  Unary sin;        // accurate for any finite argument
  Unary cos;        //
  Unary tanh;       //
  Unary erf;        //
  Unary sigmoid;    // 1 / (1 + exp(-x))
  Unary silu;       // x * sigmoid(x)
  Unary gelu;       // x/2 * (1 + erf(x / sqrt(2)))
  Unary gelu_tanh;  // x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
  Unary softplus;   // log(1 + exp(x))

  Gated swiglu;      // silu(gate) * up
  Gated geglu;       // gelu(gate) * up
  Gated geglu_tanh;  // gelu_tanh(gate) * up
};

TARN_DECLARE_KERNEL_TABLES(ElementwiseKernels, elementwise);

}  // namespace tarn::cpu
