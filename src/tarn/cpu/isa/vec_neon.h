// Vec for NEON of any AArch64: 4 lanes. See vec.h.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// Its first scheduling pass moves loads so far ahead of their use that a tile's sums no longer fit
// the registers.
#pragma GCC optimize("no-schedule-insns")
#endif
#include <arm_neon.h>

#include "tarn/base/half.h"

namespace tarn::cpu {
namespace {

struct Vec {
  static constexpr int lanes = 4;
  static constexpr int registers = 32;
  float32x4_t v;
};
struct IntVec {
  int32x4_t v;
};
struct Mask {
  uint32x4_t m;
};

inline uint32x4_t bits_of(Vec a) { return vreinterpretq_u32_f32(a.v); }
inline Vec from_bits(uint32x4_t a) { return {vreinterpretq_f32_u32(a)}; }

inline Vec set1(float x) { return {vdupq_n_f32(x)}; }
inline Vec zero() { return {vdupq_n_f32(0.F)}; }
inline Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
inline Vec operator^(Vec a, Vec b) { return from_bits(veorq_u32(bits_of(a), bits_of(b))); }
inline Vec operator&(Vec a, Vec b) { return from_bits(vandq_u32(bits_of(a), bits_of(b))); }
inline Vec and_not(Vec a, Vec b) { return from_bits(vbicq_u32(bits_of(b), bits_of(a))); }  // ~a & b
inline Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) { return {vfmsq_f32(c.v, a.v, b.v)}; }  // c - a * b
// When either is NaN the result is b: FMAX would make it NaN, FMAXNM the other one.
inline Vec max(Vec a, Vec b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {vsqrtq_f32(a.v)}; }
inline Vec round(Vec a) { return {vrndnq_f32(a.v)}; }

inline Mask operator<(Vec a, Vec b) { return {vcltq_f32(a.v, b.v)}; }
inline Mask operator==(Vec a, Vec b) { return {vceqq_f32(a.v, b.v)}; }
inline bool any(Mask m) { return vmaxvq_u32(m.m) != 0; }
inline Vec select(Mask m, Vec yes, Vec no) { return {vbslq_f32(m.m, yes.v, no.v)}; }

inline IntVec int_bits(Vec a) { return {vreinterpretq_s32_f32(a.v)}; }
inline Vec float_bits(IntVec a) { return {vreinterpretq_f32_s32(a.v)}; }
inline IntVec set1_int(int x) { return {vdupq_n_s32(x)}; }
inline IntVec operator+(IntVec a, IntVec b) { return {vaddq_s32(a.v, b.v)}; }
inline IntVec operator-(IntVec a, IntVec b) { return {vsubq_s32(a.v, b.v)}; }
inline IntVec operator&(IntVec a, IntVec b) { return {vandq_s32(a.v, b.v)}; }
template <int N>
inline IntVec shift_left(IntVec a) {
  return {vshlq_n_s32(a.v, N)};
}
template <int N>
inline IntVec shift_right_arithmetic(IntVec a) {
  return {vshrq_n_s32(a.v, N)};
}
inline Mask operator==(IntVec a, IntVec b) { return {vceqq_s32(a.v, b.v)}; }
inline Vec to_float_lanes(IntVec a) { return {vcvtq_f32_s32(a.v)}; }
inline IntVec to_int_lanes(Vec a) { return {vcvtnq_s32_f32(a.v)}; }

// a * 2^n for integral n in [-252, 254], in two exact steps but for the rounding of a subnormal
// result: 2^n itself may be out of range.
inline Vec scale_by_power(Vec a, Vec n) {
  const IntVec whole = to_int_lanes(n);
  const IntVec half = shift_right_arithmetic<1>(whole);
  const IntVec bias = set1_int(127);
  return a * float_bits(shift_left<23>(half + bias)) *
         float_bits(shift_left<23>(whole - half + bias));
}

inline Vec load(const float* p) { return {vld1q_f32(p)}; }
inline Vec load(const bfloat16* p) {
  return from_bits(vshll_n_u16(vld1_u16(reinterpret_cast<const uint16_t*>(p)), 16));
}
inline Vec load(const float16* p) {
  return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const uint16_t*>(p))))};
}
// Quantized keys and values: codes as floats, and one 16-bit float for all lanes.
inline Vec load(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof(four));
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)))};
}
inline IntVec load_bytes(const uint8_t* p) {
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof(four));
  const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)))};
}
inline Vec set1(float16 x) { return {vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(x.bits)))}; }
template <typename T>
inline Vec load_part(const T* p, int n) {
  T copy[4] = {};
  if (n > 0) copy[0] = p[0];
  if (n > 1) copy[1] = p[1];
  if (n > 2) copy[2] = p[2];
  return load(copy);
}
inline void store(float* p, Vec a) { vst1q_f32(p, a.v); }
inline void store_part(float* p, Vec a, int n) {
  if (n > 0) vst1q_lane_f32(p, a.v, 0);
  if (n > 1) vst1q_lane_f32(p + 1, a.v, 1);
  if (n > 2) vst1q_lane_f32(p + 2, a.v, 2);
}

// Lanes l and l + 2, then + 1: the one order of every sum of lanes.
inline float32x2_t fold(Vec a) { return vadd_f32(vget_low_f32(a.v), vget_high_f32(a.v)); }
inline void store_sums_of_4(float* out, Vec a, Vec b, Vec c, Vec d) {
  vst1q_f32(out, vpaddq_f32(vcombine_f32(fold(a), fold(b)), vcombine_f32(fold(c), fold(d))));
}
inline float sum(Vec a) { return vpadds_f32(fold(a)); }
inline float max_lane(Vec a) { return vmaxnmvq_f32(a.v); }

}  // namespace
}  // namespace tarn::cpu
