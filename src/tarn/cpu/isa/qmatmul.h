// Products of activations with quantized weights in panels (quant/panel.h):
//   out[t, row] = sum over inputs k of x[t, k] * (code[row, k] * scale + bias)
// by instruction set. Callers check shapes; these functions trust them. Work is divided by panels:
// any threads may take any disjoint ranges.
//
// The bits of an output depend on its token and its row only: not on the number of tokens, the
// panel range or the threads. The int8 product gives the same bits in every instruction set too:
// sums of codes are exact integers, and their float combination has one order, with fused
// multiply-adds. The exact product also has one order and gives the same bits everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/isa.h"
#include "tarn/quant/panel.h"

namespace tarn::cpu {

struct PanelMatrix {
  quant::PanelFormat format;
  const std::byte* panels;  // panel 0, 64-byte aligned, quant::packed_size bytes
  size_t rows;              // outputs N
  size_t inputs;            // K
};

// Activations as int8 with one scale for each token and group. Groups are outermost: a product
// walks the groups, and the tokens of one group lie side by side.
struct QuantizedActivations {
  int8_t* codes;  // [groups, tokens, group_size], -127 .. 127
  float* scales;  // [groups, tokens]   x is about codes * scale
  float* sums;    // [groups, tokens]   scale * (sum of the group's codes)
};

// The bytes that activations [tokens, inputs] take in one buffer, and the pointers into it. The
// buffer is aligned for float.
size_t quantized_activations_size(size_t tokens, size_t inputs, int group_size);
QuantizedActivations quantized_activations_in(std::byte* buffer, size_t tokens, size_t inputs,
                                              int group_size);

struct QMatmulKernels {
  // Quantizes the tokens [first_token, last_token) of x [tokens, inputs], rows x_stride floats
  // apart, to the nearest code (ties to even) with scale = largest magnitude / 127. A group below
  // 2^-100 becomes zero. A group with a NaN or an infinity gets a NaN scale, so that what is
  // computed from it is NaN.
  void (*quantize_activations)(const float* x, size_t x_stride, size_t tokens, size_t inputs,
                               int group_size, size_t first_token, size_t last_token,
                               const QuantizedActivations& out);

  // Writes out[t, rows of the panels], t < tokens; rows of out are out_stride floats apart.
  // The activations' group size is the format's.
  void (*matmul)(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                 const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride);

  // The same with float activations x [tokens, inputs]: for verification.
  void (*matmul_exact)(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                       const float* x, size_t x_stride, size_t tokens, float* out,
                       size_t out_stride);
};

const QMatmulKernels& qmatmul_kernels(Isa isa);

}  // namespace tarn::cpu
