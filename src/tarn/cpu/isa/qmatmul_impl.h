// The products of qmatmul.h, written once over a vector policy V and compiled into each instruction
// set's file. Everything is in an unnamed namespace, and no inline function of another header may
// be called: a linker could otherwise keep the copy that needs AVX-512 for the whole program.
//
// V provides vectors of 16 lanes, one lane a row of the panel:
//   F, I                    16 floats, 16 int32
//   Tile                    64 unsigned bytes: 4 inputs of 16 rows
//   zero, set1, load, store, store_first, add, mul, fma(a, b, c) = a * b + c, to_float
//   load_scales<ScaleType>  16 scales of the panel
//   load_signed, load_unsigned   16 bytes as F
//   tile<bits, j>           tile j of a packed block
//   Table, load_table<bits>, look_up<bits>   a table of 2^bits bytes and a tile's codes through it
//   load_tile, store_tile   expanded tiles
//   inputs(tile, i)         input i of the tile's 4, as F
//   Dot<bits, chains, tiles>   integer sums of products: add<j>(tile, 4 activations) for j = 0 ..
//                           tiles - 1 of a block (8) or half of one (4), as often as there are
//                           blocks, then total(); `chains` is how many independent sums hide
//                           latency
//   dot_bits(bits)          code widths that share one Dot
//   stream_tokens, gemm_panels, gemm_tokens, exact_tokens   register blocking
//   stream_limit            up to so many tokens are streamed, more are blocked
//   prefetch
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/qmatmul_exact.h"
#include "tarn/cpu/isa/qmatmul_gemm.h"
#include "tarn/cpu/isa/qmatmul_stream.h"

namespace tarn::cpu {
namespace {

template <class V, int bits, LookUp look_up>
void matmul_bits(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
                 const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  if (tokens <= V::stream_limit) {
    stream_of<V, bits, look_up>(weights.format)(weights, first_panel, last_panel, x, tokens, out,
                                                out_stride);
  } else {
    multiply<V, V::dot_bits(bits_of_values(bits, look_up))>(weights, first_panel, last_panel, x,
                                                            tokens, out, out_stride);
  }
}

template <class V, LookUp look_up>
auto matmul_of(int bits) {
  using Function = decltype(&matmul_bits<V, 8, look_up>);
  constexpr Function by_bits[] = {nullptr,
                                  matmul_bits<V, 1, look_up>,
                                  matmul_bits<V, 2, look_up>,
                                  matmul_bits<V, 3, look_up>,
                                  matmul_bits<V, 4, look_up>,
                                  matmul_bits<V, 5, look_up>,
                                  matmul_bits<V, 6, look_up>,
                                  nullptr,
                                  matmul_bits<V, 8, look_up>};
  return by_bits[bits];
}

template <class V>
void matmul(const PanelMatrix& weights, size_t first_panel, size_t last_panel,
            const QuantizedActivations& x, size_t tokens, float* out, size_t out_stride) {
  const PanelFormat& format = weights.format;
  const auto product = is_wide(format) ? matmul_of<V, LookUp::wide>(format.bits)
                       : format.values == quant::CodeValues::table_i8
                           ? matmul_of<V, LookUp::bytes>(format.bits)
                           : matmul_of<V, LookUp::none>(format.bits);
  product(weights, first_panel, last_panel, x, tokens, out, out_stride);
}

// Plain loops that the compiler turns into vectors. Comparing magnitudes as integers puts
// infinities and NaNs above every number.
TARN_INLINE void quantize_group(const float* x, size_t group_size, int8_t* codes, float& scale,
                                float& sum) {
  constexpr uint32_t infinity = 0x7f800000;
  uint32_t largest = 0;
  for (size_t i = 0; i < group_size; ++i) {
    const uint32_t magnitude = __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffU;
    largest = magnitude > largest ? magnitude : largest;
  }
  const float magnitude = __builtin_bit_cast(float, largest);
  if (largest >= infinity || magnitude < 0x1p-100F) {
    for (size_t i = 0; i < group_size; ++i) codes[i] = 0;
    scale = largest >= infinity ? __builtin_nanf("") : 0;
    sum = scale;
    return;
  }
  const float inverse = 127 / magnitude;
  int32_t total = 0;
  for (size_t i = 0; i < group_size; ++i) {
    const auto code = static_cast<int32_t>(__builtin_rintf(x[i] * inverse));
    codes[i] = static_cast<int8_t>(code);
    total += code;
  }
  scale = magnitude / 127;
  sum = scale * static_cast<float>(total);
}

// Not a template over V, but one copy for each instruction set all the same.
void quantize_activations(const float* x, size_t x_stride, size_t tokens, size_t inputs,
                          int group_size, size_t first_token, size_t last_token,
                          const QuantizedActivations& out) {
  const auto size = static_cast<size_t>(group_size);
  for (size_t t = first_token; t < last_token; ++t) {
    for (size_t group = 0; group < inputs / size; ++group) {
      const size_t at = group * tokens + t;
      quantize_group(x + t * x_stride + group * size, size, out.codes + at * size, out.scales[at],
                     out.sums[at]);
    }
  }
}

template <class V>
constexpr QMatmulKernels qmatmul_table() {
  return {quantize_activations, matmul<V>, matmul_exact<V>};
}

}  // namespace
}  // namespace tarn::cpu

#undef TARN_INLINE
