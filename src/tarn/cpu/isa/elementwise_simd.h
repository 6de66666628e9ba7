// The vector bodies of elementwise.h. For the includers of vec.h.
#pragma once

#include "tarn/cpu/isa/elementwise.h"
#include "tarn/cpu/isa/vec_math.h"

namespace tarn::cpu {
namespace {

inline Vec sine(Vec x) { return sin_cos_any(x).sin; }
inline Vec cosine(Vec x) { return sin_cos_any(x).cos; }

template <Vec (*F)(Vec)>
void map(const float* x, float* out, int64_t n) {
  for_lanes(n, [=](int64_t i, int count) { store(out + i, F(load(x + i, count)), count); });
}

template <Vec (*F)(Vec)>
void gated(const float* gate, const float* up, float* out, int64_t n) {
  for_lanes(n, [=](int64_t i, int count) {
    store(out + i, F(load(gate + i, count)) * load(up + i, count), count);
  });
}

constexpr ElementwiseKernels elementwise_simd = {
    .exp = map<exp>,
    .log = map<log>,
    .sin = map<sine>,
    .cos = map<cosine>,
    .tanh = map<tanh>,
    .erf = map<erf>,
    .sigmoid = map<sigmoid>,
    .silu = map<silu>,
    .gelu = map<gelu>,
    .gelu_tanh = map<gelu_tanh>,
    .softplus = map<softplus>,
    .swiglu = gated<silu>,
    .geglu = gated<gelu>,
    .geglu_tanh = gated<gelu_tanh>,
};

}  // namespace
}  // namespace tarn::cpu
