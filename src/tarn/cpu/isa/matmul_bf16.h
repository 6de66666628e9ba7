// Products with a bfloat16 weight matrix stored row by row, of activations rounded to bfloat16:
// out = x * W^T.
//
// Every element is one dot product in one order, whatever the number of rows and the tile. Lane l
// of 16 takes the pairs (32s + 2l, 32s + 2l + 1) of k in ascending order of s; of a pair it adds
// the odd product first, each in one rounding; then the lanes are added as halves: l and l + 8, +
// 4,
// + 2, + 1. Subnormal inputs and lane sums count as zero. That is what VDPBF16PS computes, and the
// portable kernels give its bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/base/half.h"
#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

// The rounded x as products read it: tiles of bf16_tile_rows rows, the last of what is left; in a
// tile, for each 32 values of k, those of all its rows side by side; zeros fill up the last 32. One
// row is simply a row.
constexpr int64_t bf16_tile_rows = 6;
constexpr int64_t bf16_step = 32;  // values of k
constexpr int64_t bf16_steps(int64_t k) { return (k + bf16_step - 1) / bf16_step; }
constexpr int64_t bf16_packed_size(int64_t t, int64_t k) { return t * bf16_steps(k) * bf16_step; }

// Strides are in elements. out must not overlap the others.
struct MatmulBf16Args {
  const bfloat16* x;  // packed, of t rows; 64-byte aligned
  const bfloat16* w;  // [N, K], row stride ldw
  int64_t ldw;
  float* out;  // [T, N], row stride ldo
  int64_t ldo;
  int64_t t;  // T, rows of x
  int64_t k;  // K >= 1, length of the dot products
};

struct MatmulBf16Kernels {
  // Tiles [tile0, tile1) of the t rows of x: float32 [T, K], row stride ldx.
  void (*pack)(const float* x, int64_t ldx, int64_t t, int64_t k, int64_t tile0, int64_t tile1,
               bfloat16* packed);
  // Columns [n0, n1) of out, that is, these rows of W, for all T rows of x. scratch:
  // scratch_bytes(t), 64-byte aligned, one for each thread; not read when it is 0 bytes.
  void (*matmul_nt)(const MatmulBf16Args& args, int64_t n0, int64_t n1, void* scratch);
  size_t (*scratch_bytes)(int64_t t);
};

namespace detail {
extern const MatmulBf16Kernels matmul_bf16_portable;
extern const MatmulBf16Kernels matmul_bf16_avx512bf16;
}  // namespace detail
const MatmulBf16Kernels& matmul_bf16_kernels(Isa isa);

// Whether these products are faster than float ones; without such instructions they are slower.
bool has_bf16_dots(Isa isa);

}  // namespace tarn::cpu
