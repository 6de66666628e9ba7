// Elementary functions of Vec, within about two units in the last place (tests/cpu). Polynomials
// are interpolations at Chebyshev nodes of the intervals named; NaN stays NaN. For the includers of
// vec.h.
#pragma once

#include "tarn/cpu/isa/vec.h"

namespace tarn::cpu {
namespace {

// c[0] + c[1] x + c[2] x^2 + ...
template <int N>
inline Vec polynomial(Vec x, const float (&c)[N]) {
  Vec y = set1(c[N - 1]);
  for (int i = N - 2; i >= 0; --i) y = fma(y, x, set1(c[i]));
  return y;
}

inline Vec exp(Vec x) {
  // Beyond these bounds the result is 0 or infinity; NaN, the second operand, passes.
  x = max(set1(-104.F), min(set1(89.F), x));
  const Vec n = round(x * set1(1.44269504F));
  Vec r = fnma(n, set1(0x1.62e43p-1F), x);
  r = fnma(n, set1(-0x1.05c61p-29F), r);
  // (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2
  const Vec q = polynomial(r, {5.000000000e-01F, 1.666657627e-01F, 4.166654870e-02F,
                               8.363353088e-03F, 1.392676611e-03F});
  return scale_by_power(fma(r * r, q, r) + set1(1.F), n);
}

inline Vec log(Vec x) {
  const Mask subnormal = x < set1(0x1p-126F);
  const Vec scaled = select(subnormal, x * set1(0x1p23F), x);
  // scaled = m * 2^e with m in [sqrt(1/2), sqrt(2)).
  const IntVec bits = int_bits(scaled);
  const IntVec exponent = shift_right_arithmetic<23>(bits - set1_int(0x3f3504f3));
  const Vec f = float_bits(bits - shift_left<23>(exponent)) - set1(1.F);
  const Vec e = to_float_lanes(exponent) - select(subnormal, set1(23.F), zero());
  // (log(1 + f) - f + f^2 / 2) / f^3
  const Vec q = polynomial(f, {3.333333135e-01F, -2.499999702e-01F, 2.000071555e-01F,
                               -1.666780263e-01F, 1.424905807e-01F, -1.242568716e-01F,
                               1.168541983e-01F, -1.147973388e-01F, 6.971611828e-02F});
  const Vec square = f * f;
  Vec y = fma(e, set1(-0x1.05c61p-29F), square * f * q);
  y = fnma(set1(0.5F), square, y) + f;
  y = fma(e, set1(0x1.62e43p-1F), y);
  const Vec infinity = set1(__builtin_inff());
  y = select(x == infinity, infinity, y);
  y = select(x == zero(), -infinity, y);
  // Negative, or NaN: the comparison is false for NaN, whose bits went through the arithmetic.
  y = select(x < zero(), set1(__builtin_nanf("")), y);
  return select(x == x, y, x);
}

// log(1 + y) for y in [0, 1], to full relative accuracy: 1 + y loses low bits, which come back as a
// first-order term.
inline Vec log1p_unit(Vec y) {
  const Vec u = y + set1(1.F);
  return log(u) + (y - (u - set1(1.F))) / u;
}

inline Vec sigmoid(Vec x) { return set1(1.F) / (set1(1.F) + exp(-x)); }
inline Vec silu(Vec x) { return x / (set1(1.F) + exp(-x)); }

inline Vec softplus(Vec x) { return max(zero(), x) + log1p_unit(exp(-abs(x))); }

inline Vec tanh(Vec x) {
  const Vec size = abs(x);
  const Vec large = set1(1.F) - set1(2.F) / (exp(size + size) + set1(1.F));
  // (tanh(x) - x) / x^3 in x^2 <= 0.4
  const Vec square = x * x;
  const Vec q = polynomial(square, {-3.333332837e-01F, 1.333271861e-01F, -5.384326354e-02F,
                                    2.096132934e-02F, -6.045165006e-03F});
  const Vec small = fma(x * square, q, x);
  return select(size < set1(0.625F), small, large ^ (x & set1(-0.F)));
}

inline Vec erf(Vec x) {
  const Vec size = abs(x);
  // erf(x) / x - 1 in x^2 <= 0.9
  const Vec q =
      polynomial(x * x, {1.283791661e-01F, -3.761263192e-01F, 1.128367111e-01F, -2.685804293e-02F,
                         5.197684746e-03F, -8.105054731e-04F, 8.212780813e-05F});
  const Vec small = fma(x, q, x);
  // log(erfc(x)) on [0.92, 4]; beyond, erf is 1 in float
  const Vec s = min(set1(4.F), size);
  const Vec log_erfc = polynomial(s, {3.204415261e-04F, -1.130237579e+00F, -6.318145394e-01F,
                                      -1.100944802e-01F, 2.643101849e-02F, -4.763575271e-03F,
                                      5.977434921e-04F, -4.617791274e-05F, 1.643569703e-06F});
  const Vec large = set1(1.F) - exp(log_erfc);
  return select(size < set1(0.94F), small, large ^ (x & set1(-0.F)));
}

inline Vec gelu(Vec x) {
  return set1(0.5F) * x * (set1(1.F) + erf(x * set1(0.70710678118654752F)));
}

inline Vec gelu_tanh(Vec x) {
  const Vec inner = fma(set1(0.044715F) * x * x, x, x);
  return set1(0.5F) * x * (set1(1.F) + tanh(set1(0.79788456080286536F) * inner));
}

// The bound of sin_cos: up to it the first step of the reduction is exact.
constexpr float sin_cos_limit = 1e6F;

struct SinCos {
  Vec sin, cos;
};

// For |x| <= sin_cos_limit.
inline SinCos sin_cos(Vec x) {
  const Vec n = round(x * set1(0.636619772F));
  Vec r = fnma(n, set1(0x1.921fb6p+0F), x);
  r = fnma(n, set1(-0x1.777a5cp-25F), r);
  r = fnma(n, set1(-0x1.ee59dap-50F), r);
  const Vec u = r * r;
  // (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2, |r| <= pi/4
  const Vec p =
      polynomial(u, {-1.666666716e-01F, 8.333331905e-03F, -1.984008268e-04F, 2.724931392e-06F});
  const Vec q =
      polynomial(u, {4.166666791e-02F, -1.388888806e-03F, 2.480059629e-05F, -2.730044741e-07F});
  const Vec sine = fma(r * u, p, r);
  const Vec cosine = fma(u * u, q, fnma(set1(0.5F), u, set1(1.F)));
  const IntVec quadrant = to_int_lanes(n);
  const IntVec one = set1_int(1);
  const Mask even = (quadrant & one) == set1_int(0);
  const IntVec two = set1_int(2);
  const Vec sin_sign = float_bits(shift_left<30>(quadrant & two));
  const Vec cos_sign = float_bits(shift_left<30>((quadrant + one) & two));
  return {select(even, sine, cosine) ^ sin_sign, select(even, cosine, sine) ^ cos_sign};
}

// For any x: lanes beyond the limit go through the C library.
inline SinCos sin_cos_any(Vec x) {
  const Mask inside = abs(x) < set1(sin_cos_limit);
  SinCos y = sin_cos(select(inside, x, zero()));
  if (any(select(inside, zero(), set1(1.F)) == set1(1.F))) {
    float in[Vec::lanes], sines[Vec::lanes], cosines[Vec::lanes];
    store(in, x);
    store(sines, y.sin);
    store(cosines, y.cos);
    for (int i = 0; i < Vec::lanes; ++i) {
      if (__builtin_fabsf(in[i]) < sin_cos_limit) continue;
      sines[i] = __builtin_sinf(in[i]);
      cosines[i] = __builtin_cosf(in[i]);
    }
    y = {load(sines), load(cosines)};
  }
  return y;
}

}  // namespace
}  // namespace tarn::cpu
