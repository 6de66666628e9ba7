// Products with a weight matrix stored row by row: out = x * W^T.
//
// Every element is one dot product along k with one lane scheme and one order of the final sum, the
// same for every number of rows and every tile: a row's bits do not depend on its neighbours.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/float_type.h"
#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

// Strides are in elements. out must not overlap x or w.
struct MatmulNtArgs {
  const float* x;  // [T, K], row stride ldx
  int64_t ldx;
  const void* w;  // [N, K] of w_type, row stride ldw
  FloatType w_type;
  int64_t ldw;
  float* out;  // [T, N], row stride ldo
  int64_t ldo;
  int64_t t;  // T, rows of x
  int64_t k;  // K, length of the dot products; 0 gives zeros
};

struct MatmulKernels {
  // Columns [n0, n1) of out, that is, these rows of W, for all T rows of x. scratch:
  // scratch_bytes(t), 64-byte aligned, one for each thread; not read when it is 0 bytes. A thread's
  // share is best a multiple of 8 rows.
  void (*matmul_nt)(const MatmulNtArgs& args, int64_t n0, int64_t n1, void* scratch);
  size_t (*scratch_bytes)(int64_t t);
};

TARN_DECLARE_KERNEL_TABLES(MatmulKernels, matmul);

}  // namespace tarn::cpu
