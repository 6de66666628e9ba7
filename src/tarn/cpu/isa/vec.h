// A thin float vector over the instruction set that the including source is compiled for, so that a
// kernel is written once for 4, 8 and 16 lanes. Only for sources named *_avx2.cpp, *_avx512.cpp and
// *_neon.cpp (through *_simd.h). Everything sits in an anonymous namespace: two sources compiled
// with different flags must not share an inline function.
#pragma once

#include <cstdint>
#include <utility>

#include "tarn/cpu/isa/float_type.h"
#if defined(__aarch64__)
#include "tarn/cpu/isa/vec_neon.h"
#elif defined(__AVX512F__)
#include "tarn/cpu/isa/vec_avx512.h"
#else
#include "tarn/cpu/isa/vec_avx2.h"
#endif

// For what a kernel's inner loop calls: the inliner's budget does not always reach it. Not under a
// sanitizer, whose checks around every access, inlined hundreds of times, make slow builds.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TARN_INLINE
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TARN_INLINE
#endif
#if !defined(TARN_INLINE)
#define TARN_INLINE __attribute__((always_inline))
#endif

namespace tarn::cpu {
namespace {

inline int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

inline Vec operator-(Vec a) { return a ^ set1(-0.F); }
inline Vec abs(Vec a) { return and_not(set1(-0.F), a); }

// Calls f with a null pointer of the storage type.
template <typename F>
inline void with_type(FloatType type, F f) {
  switch (type) {
    case FloatType::f32:
      return f(static_cast<const float*>(nullptr));
    case FloatType::f16:
      return f(static_cast<const float16*>(nullptr));
    case FloatType::bf16:
      return f(static_cast<const bfloat16*>(nullptr));
  }
}

// f(0), f(1), ... f(N - 1) with the index a constant, so that an array of vectors indexed by it is
// kept in registers: a loop is unrolled too late for that.
template <int I>
struct Index {
  constexpr operator int() const { return I; }
};
template <typename F, int... I>
TARN_INLINE inline void unrolled(F&& f, std::integer_sequence<int, I...>) {
  (f(Index<I>{}), ...);
}
template <int N, typename F>
TARN_INLINE inline void unrolled(F&& f) {
  unrolled(f, std::make_integer_sequence<int, N>{});
}

// Vectors of a row of n values: f(i, count), count == lanes but for the last.
template <typename F>
TARN_INLINE inline void for_lanes(int64_t n, F f) {
  int64_t i = 0;
  for (; i + Vec::lanes <= n; i += Vec::lanes) f(i, Vec::lanes);
  if (i < n) f(i, static_cast<int>(n - i));
}

// Loads and stores of `count` lanes; the others read as zero and are not written.
template <typename T>
inline Vec load(const T* p, int count) {
  return count == Vec::lanes ? load(p) : load_part(p, count);
}
inline void store(float* p, Vec a, int count) {
  if (count == Vec::lanes) {
    store(p, a);
  } else {
    store_part(p, a, count);
  }
}

}  // namespace
}  // namespace tarn::cpu
