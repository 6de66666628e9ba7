#include "tarn/cpu/isa/matmul_bf16.h"

#include <algorithm>
#include <cmath>

namespace tarn::cpu {
namespace {

constexpr int64_t lanes = bf16_step / 2;

float without_subnormals(float x) { return std::fabs(x) < 0x1p-126F ? std::copysign(0.F, x) : x; }

void pack(const float* x, int64_t ldx, int64_t t, int64_t k, int64_t tile0, int64_t tile1,
          bfloat16* packed) {
  for (int64_t row = tile0 * bf16_tile_rows; row < std::min(t, tile1 * bf16_tile_rows); ++row) {
    const int64_t first = row / bf16_tile_rows * bf16_tile_rows;
    const int64_t rows = std::min(bf16_tile_rows, t - first);
    bfloat16* tile = packed + bf16_packed_size(first, k);
    for (int64_t i = 0; i < bf16_packed_size(1, k); ++i) {
      tile[(i / bf16_step * rows + row - first) * bf16_step + i % bf16_step] =
          i < k ? to_bfloat16(without_subnormals(x[row * ldx + i])) : bfloat16{0};
    }
  }
}

float value(bfloat16 x) { return without_subnormals(to_float(x)); }

// `x` is the row's first step; from one to the next are `stride` values.
float dot(const bfloat16* w, const bfloat16* x, int64_t stride, int64_t k) {
  float sums[lanes] = {};
  for (int64_t i = 0; i < bf16_steps(k) * bf16_step; i += 2) {
    const bfloat16* inputs = x + i / bf16_step * stride + i % bf16_step;
    float& sum = sums[i % bf16_step / 2];
    for (const int64_t j : {1, 0}) {
      const float weight = i + j < k ? value(w[i + j]) : 0.F;
      sum = without_subnormals(std::fma(weight, value(inputs[j]), sum));
    }
  }
  for (int64_t half = lanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) sums[l] += sums[l + half];
  }
  return sums[0];
}

void matmul_nt(const MatmulBf16Args& args, int64_t n0, int64_t n1, void* /*scratch*/) {
  for (int64_t t = 0; t < args.t; ++t) {
    const int64_t first = t / bf16_tile_rows * bf16_tile_rows;
    const int64_t rows = std::min(bf16_tile_rows, args.t - first);
    const bfloat16* x = args.x + bf16_packed_size(first, args.k) + (t - first) * bf16_step;
    for (int64_t n = n0; n < n1; ++n) {
      args.out[t * args.ldo + n] = dot(args.w + n * args.ldw, x, rows * bf16_step, args.k);
    }
  }
}

size_t scratch_bytes(int64_t /*t*/) { return 0; }

}  // namespace

const MatmulBf16Kernels detail::matmul_bf16_portable = {
    .pack = pack, .matmul_nt = matmul_nt, .scratch_bytes = scratch_bytes};

bool has_bf16_dots(Isa isa) { return isa == Isa::avx512bf16; }

const MatmulBf16Kernels& matmul_bf16_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512bf16) return detail::matmul_bf16_avx512bf16;
#endif
  return detail::matmul_bf16_portable;
}

}  // namespace tarn::cpu
