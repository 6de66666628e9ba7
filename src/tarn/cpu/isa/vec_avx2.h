// Vec for AVX2, FMA and F16C: 8 lanes. See vec.h.
#pragma once

#include <immintrin.h>

#include "tarn/base/half.h"

namespace tarn::cpu {
namespace {

struct Vec {
  static constexpr int lanes = 8;
  static constexpr int registers = 16;
  __m256 v;
};
struct IntVec {
  __m256i v;
};
struct Mask {
  __m256 m;
};

inline Vec set1(float x) { return {_mm256_set1_ps(x)}; }
inline Vec zero() { return {_mm256_setzero_ps()}; }
inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Vec operator^(Vec a, Vec b) { return {_mm256_xor_ps(a.v, b.v)}; }
inline Vec operator&(Vec a, Vec b) { return {_mm256_and_ps(a.v, b.v)}; }
inline Vec and_not(Vec a, Vec b) { return {_mm256_andnot_ps(a.v, b.v)}; }  // ~a & b
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }  // c - a * b
// When either is NaN the result is b.
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
inline Vec round(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

inline Mask operator<(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator==(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
inline bool any(Mask m) { return _mm256_movemask_ps(m.m) != 0; }
inline Vec select(Mask m, Vec yes, Vec no) { return {_mm256_blendv_ps(no.v, yes.v, m.m)}; }

inline IntVec int_bits(Vec a) { return {_mm256_castps_si256(a.v)}; }
inline Vec float_bits(IntVec a) { return {_mm256_castsi256_ps(a.v)}; }
inline IntVec set1_int(int x) { return {_mm256_set1_epi32(x)}; }
inline IntVec operator+(IntVec a, IntVec b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline IntVec operator-(IntVec a, IntVec b) { return {_mm256_sub_epi32(a.v, b.v)}; }
inline IntVec operator&(IntVec a, IntVec b) { return {_mm256_and_si256(a.v, b.v)}; }
template <int N>
inline IntVec shift_left(IntVec a) {
  return {_mm256_slli_epi32(a.v, N)};
}
template <int N>
inline IntVec shift_right_arithmetic(IntVec a) {
  return {_mm256_srai_epi32(a.v, N)};
}
inline Mask operator==(IntVec a, IntVec b) {
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.v, b.v))};
}
inline Vec to_float_lanes(IntVec a) { return {_mm256_cvtepi32_ps(a.v)}; }
inline IntVec to_int_lanes(Vec a) { return {_mm256_cvtps_epi32(a.v)}; }

// a * 2^n for integral n in [-252, 254], in two exact steps but for the rounding of a subnormal
// result: 2^n itself may be out of range.
inline Vec scale_by_power(Vec a, Vec n) {
  const IntVec whole = to_int_lanes(n);
  const IntVec half = shift_right_arithmetic<1>(whole);
  const IntVec bias = set1_int(127);
  return a * float_bits(shift_left<23>(half + bias)) *
         float_bits(shift_left<23>(whole - half + bias));
}

inline Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline Vec widen(const bfloat16*, __m128i bits) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
}
inline Vec widen(const float16*, __m128i bits) { return {_mm256_cvtph_ps(bits)}; }
inline Vec load(const bfloat16* p) {
  return widen(p, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline Vec load(const float16* p) {
  return widen(p, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
// Quantized keys and values: codes as floats, and one 16-bit float for all lanes.
inline Vec load(const int8_t* p) {
  return {_mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
inline IntVec load_bytes(const uint8_t* p) {
  return {_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
}
inline Vec set1(float16 x) {
  return {_mm256_cvtph_ps(_mm_set1_epi16(static_cast<int16_t>(x.bits)))};
}
inline __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec load_part(const float* p, int n) { return {_mm256_maskload_ps(p, first_lanes(n))}; }
template <typename Half>
inline Vec load_part(const Half* p, int n) {
  alignas(16) Half copy[8] = {};
  for (int i = 0; i < n; ++i) copy[i] = p[i];
  return load(copy);
}
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
inline void store_part(float* p, Vec a, int n) { _mm256_maskstore_ps(p, first_lanes(n), a.v); }

// Lanes l and l + 4, then + 2, + 1: the one order of every sum of lanes.
inline __m128 fold(Vec a) {
  return _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
}
inline void store_sums_of_4(float* out, Vec a, Vec b, Vec c, Vec d) {
  const __m128 a4 = fold(a);
  const __m128 b4 = fold(b);
  const __m128 c4 = fold(c);
  const __m128 d4 = fold(d);
  const __m128 ab = _mm_add_ps(_mm_movelh_ps(a4, b4), _mm_movehl_ps(b4, a4));
  const __m128 cd = _mm_add_ps(_mm_movelh_ps(c4, d4), _mm_movehl_ps(d4, c4));
  _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}
inline float sum(Vec a) {
  const __m128 four = fold(a);
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float max_lane(Vec a) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace
}  // namespace tarn::cpu
