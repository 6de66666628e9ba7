// The vector bodies of rope.h. For the includers of vec.h.
#pragma once

#include "tarn/cpu/isa/rope.h"
#include "tarn/cpu/isa/vec_math.h"

namespace tarn::cpu {
namespace {

inline void table_row(int32_t position, const float* inv_freq, int64_t half, float scaling,
                      float* out_cos, float* out_sin) {
  const Vec p = set1(static_cast<float>(position));
  const Vec scale = set1(scaling);
  for_lanes(half, [=](int64_t i, int count) {
    const SinCos y = sin_cos_any(p * load(inv_freq + i, count));
    store(out_cos + i, y.cos * scale, count);
    store(out_sin + i, y.sin * scale, count);
  });
}

void tables(const int32_t* positions, const float* inv_freq, int64_t half, float attention_scaling,
            int64_t row0, int64_t row1, float* out_cos, float* out_sin) {
  for (int64_t row = row0; row < row1; ++row)
    table_row(positions[row], inv_freq, half, attention_scaling, out_cos + row * half,
              out_sin + row * half);
}

inline void rotate_halves(const float* x, float* out, int64_t half, const float* cos,
                          const float* sin) {
  for_lanes(half, [=](int64_t i, int count) {
    const Vec first = load(x + i, count);
    const Vec second = load(x + half + i, count);
    const Vec c = load(cos + i, count);
    const Vec s = load(sin + i, count);
    store(out + i, fma(first, c, -(second * s)), count);
    store(out + half + i, fma(second, c, first * s), count);
  });
}

// Every pair in scalar code, with the same operations: the compiler vectorises the shuffles.
inline void rotate_pairs(const float* x, float* out, int64_t half, const float* cos,
                         const float* sin) {
  for (int64_t i = 0; i < half; ++i) {
    const float first = x[2 * i];
    const float second = x[2 * i + 1];
    out[2 * i] = __builtin_fmaf(first, cos[i], -(second * sin[i]));
    out[2 * i + 1] = __builtin_fmaf(second, cos[i], first * sin[i]);
  }
}

void rope(const RopeArgs& args, int64_t item0, int64_t item1, void* scratch) {
  const int64_t half = args.rotary_dim / 2;
  auto* const own_cos = static_cast<float*>(scratch);
  float* const own_sin = own_cos + half;
  int64_t table_of = -1;
  for (int64_t item = item0; item < item1; ++item) {
    const int64_t row = item / args.heads;  // b * T + t
    const int64_t h = item % args.heads;
    const int64_t b = row / args.tokens;
    const int64_t t = row % args.tokens;
    const float* cos = own_cos;
    const float* sin = own_sin;
    if (args.cos_table != nullptr) {
      cos = args.cos_table + row * half;
      sin = args.sin_table + row * half;
    } else if (table_of != row) {
      table_row(args.positions[b * args.position_batch_stride + t], args.inv_freq, half,
                args.attention_scaling, own_cos, own_sin);
      table_of = row;
    }
    const float* x =
        args.x + b * args.x_batch_stride + h * args.x_head_stride + t * args.x_token_stride;
    float* out =
        args.out + b * args.out_batch_stride + h * args.out_head_stride + t * args.out_token_stride;
    if (args.traditional) {
      rotate_pairs(x, out, half, cos, sin);
    } else {
      rotate_halves(x, out, half, cos, sin);
    }
    if (out != x) {
      for_lanes(args.head_dim - args.rotary_dim, [&](int64_t i, int count) {
        store(out + args.rotary_dim + i, load(x + args.rotary_dim + i, count), count);
      });
    }
  }
}

constexpr RopeKernels rope_simd = {.rope = rope, .tables = tables};

}  // namespace
}  // namespace tarn::cpu
