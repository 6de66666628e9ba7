// Vec for AVX-512: 16 lanes. See vec.h.
#pragma once

#include <immintrin.h>

#include "tarn/base/half.h"

namespace tarn::cpu {
namespace {

struct Vec {
  static constexpr int lanes = 16;
  static constexpr int registers = 32;
  __m512 v;
};
struct IntVec {
  __m512i v;
};
struct Mask {
  __mmask16 m;
};

inline Vec set1(float x) { return {_mm512_set1_ps(x)}; }
inline Vec zero() { return {_mm512_setzero_ps()}; }
inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec operator^(Vec a, Vec b) { return {_mm512_xor_ps(a.v, b.v)}; }
inline Vec operator&(Vec a, Vec b) { return {_mm512_and_ps(a.v, b.v)}; }
inline Vec and_not(Vec a, Vec b) { return {_mm512_andnot_ps(a.v, b.v)}; }  // ~a & b
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }  // c - a * b
// When either is NaN the result is b.
inline Vec max(Vec a, Vec b) { return {_mm512_maskz_max_ps(0xffff, a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm512_maskz_min_ps(0xffff, a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm512_maskz_sqrt_ps(0xffff, a.v)}; }
inline Vec round(Vec a) { return {_mm512_maskz_roundscale_ps(0xffff, a.v, 0)}; }

inline Mask operator<(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator==(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline bool any(Mask m) { return m.m != 0; }
inline Vec select(Mask m, Vec yes, Vec no) { return {_mm512_mask_blend_ps(m.m, no.v, yes.v)}; }

inline IntVec int_bits(Vec a) { return {_mm512_castps_si512(a.v)}; }
inline Vec float_bits(IntVec a) { return {_mm512_castsi512_ps(a.v)}; }
inline IntVec set1_int(int x) { return {_mm512_set1_epi32(x)}; }
inline IntVec operator+(IntVec a, IntVec b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline IntVec operator-(IntVec a, IntVec b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline IntVec operator&(IntVec a, IntVec b) { return {_mm512_and_si512(a.v, b.v)}; }
template <int N>
inline IntVec shift_left(IntVec a) {
  return {_mm512_maskz_slli_epi32(0xffff, a.v, N)};
}
template <int N>
inline IntVec shift_right_arithmetic(IntVec a) {
  return {_mm512_maskz_srai_epi32(0xffff, a.v, N)};
}
inline Mask operator==(IntVec a, IntVec b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
inline Vec to_float_lanes(IntVec a) { return {_mm512_maskz_cvtepi32_ps(0xffff, a.v)}; }
inline IntVec to_int_lanes(Vec a) { return {_mm512_maskz_cvtps_epi32(0xffff, a.v)}; }

// a * 2^n for integral n in [-252, 254]; one rounding where the result is subnormal.
inline Vec scale_by_power(Vec a, Vec n) { return {_mm512_maskz_scalef_ps(0xffff, a.v, n.v)}; }

inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Vec widen(const bfloat16*, __m256i bits) {
  return {_mm512_castsi512_ps(
      _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, bits), 16))};
}
inline Vec widen(const float16*, __m256i bits) { return {_mm512_maskz_cvtph_ps(0xffff, bits)}; }
inline Vec load(const bfloat16* p) {
  return widen(p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline Vec load(const float16* p) {
  return widen(p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
// Quantized keys and values: codes as floats, and one 16-bit float for all lanes.
inline Vec load(const int8_t* p) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_maskz_cvtepi32_ps(0xffff, _mm512_maskz_cvtepi8_epi32(0xffff, codes))};
}
inline IntVec load_bytes(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm512_maskz_cvtepu8_epi32(0xffff, bytes)};
}
inline Vec set1(float16 x) {
  return {_mm512_maskz_cvtph_ps(0xffff, _mm256_set1_epi16(static_cast<int16_t>(x.bits)))};
}
inline __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1U << n) - 1U); }
inline Vec load_part(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
template <typename Half>
inline Vec load_part(const Half* p, int n) {
  return widen(p, _mm256_maskz_loadu_epi16(first_lanes(n), p));
}
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline void store_part(float* p, Vec a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }

// Lanes l and l + 8, then + 4, + 2, + 1: the one order of every sum of lanes.
inline Vec fold(Vec a, Vec b) {  // [a_lo + a_hi | b_lo + b_hi]
  return Vec{_mm512_maskz_shuffle_f32x4(0xffff, a.v, b.v, 0x44)} +
         Vec{_mm512_maskz_shuffle_f32x4(0xffff, a.v, b.v, 0xee)};
}
inline void store_sums_of_4(float* out, Vec a, Vec b, Vec c, Vec d) {
  const Vec ab = fold(a, b);
  const Vec cd = fold(c, d);
  Vec quads = Vec{_mm512_maskz_shuffle_f32x4(0xffff, ab.v, cd.v, 0x88)} +
              Vec{_mm512_maskz_shuffle_f32x4(0xffff, ab.v, cd.v, 0xdd)};
  quads = quads + Vec{_mm512_maskz_permute_ps(0xffff, quads.v, 0x4e)};
  quads = quads + Vec{_mm512_maskz_permute_ps(0xffff, quads.v, 0xb1)};
  const __m512i firsts = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512 sums = _mm512_maskz_permutexvar_ps(0xffff, firsts, quads.v);
  _mm_storeu_ps(out, __builtin_shufflevector(sums, sums, 0, 1, 2, 3));
}
inline __m256 lower_half(Vec a) {
  return __builtin_shufflevector(a.v, a.v, 0, 1, 2, 3, 4, 5, 6, 7);
}
inline __m256 upper_half(Vec a) {
  return __builtin_shufflevector(a.v, a.v, 8, 9, 10, 11, 12, 13, 14, 15);
}
inline float sum(Vec a) {
  const __m256 eight = _mm256_add_ps(lower_half(a), upper_half(a));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float max_lane(Vec a) {
  const __m256 eight = _mm256_max_ps(lower_half(a), upper_half(a));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace
}  // namespace tarn::cpu
