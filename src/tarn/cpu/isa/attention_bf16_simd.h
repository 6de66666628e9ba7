// Both products of attention with pairs of bfloat16 (AVX512-BF16): twice the multiply-adds of float
// a cycle. For attention_simd.h, and for prefill only: queries and weights are rounded to 8 bits
// of mantissa, as the keys and values that they meet already are.
//
// Logits sum over the pairs of a row's values lane by lane, then over the lanes; values sum over
// the pairs of slots (2s, 2s + 1) of the chunk in ascending order. Neither depends on the tile.
#pragma once

#include "tarn/cpu/isa/dot_tile_simd.h"
#include "tarn/cpu/isa/kv_rows_simd.h"

namespace tarn::cpu {
namespace {

constexpr int64_t bf16_pair_lanes = 32;  // values of one vector

// Fewer queries are cheaper as they are, and then have the bits of single ones.
inline bool uses_bf16_dots(const AttentionArgs& args) {
  const bool rounded = args.kv_type != KvStorage::f32 && args.kv_type != KvStorage::f16;
  return rounded && args.q_tokens >= 64 && args.qk_dim % bf16_pair_lanes == 0 &&
         args.v_dim % value_block_columns == 0;
}

inline __m512bh load_pairs(const bfloat16* p) { return (__m512bh)_mm512_loadu_si512(p); }

inline void round_row(const float* from, int64_t n, bfloat16* to) {
  for (int64_t i = 0; i < n; i += 16) {
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), (__m256i)rounded);
  }
}

// logits[t][0 ... count) of up to four keys for RT rows.
template <int RT>
inline void four_bf16_logits(const bfloat16* const (&keys)[4], const bfloat16* queries, int64_t dim,
                             float* logits, int64_t count) {
  __m512 acc[4][RT];
  unrolled<4>([&](auto k) TARN_INLINE {
    unrolled<RT>([&](auto t) TARN_INLINE { acc[k][t] = _mm512_setzero_ps(); });
  });
  for (int64_t i = 0; i < dim; i += bf16_pair_lanes) {
    __m512bh key[4];
    unrolled<4>([&](auto k) TARN_INLINE { key[k] = load_pairs(keys[k] + i); });
    unrolled<RT>([&](auto t) TARN_INLINE {
      const __m512bh query = load_pairs(queries + t * dim + i);
      unrolled<4>([&](auto k)
                      TARN_INLINE { acc[k][t] = _mm512_dpbf16_ps(acc[k][t], key[k], query); });
    });
  }
  unrolled<RT>([&](auto t) TARN_INLINE {
    store_sums({acc[0][t]}, {acc[1][t]}, {acc[2][t]}, {acc[3][t]}, logits + t * attention_chunk,
               count);
  });
}

// Two rows of 16 values as pairs.
inline __m512i interleaved(__m256i even, __m256i odd) {
  return _mm512_or_si512(
      _mm512_maskz_cvtepu16_epi32(0xffff, even),
      _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, odd), 16));
}

// value_block_columns values of a row from `begin` on, in bfloat16.
template <typename V>
inline void round_values(const V* row, int64_t dim, int64_t begin, __m256i (&out)[4]) {
  float wide[value_block_columns];
  widen_row(row, dim, begin, begin + value_block_columns, wide);
  unrolled<4>([&](auto i) TARN_INLINE {
    out[i] = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(wide + i * 16));
  });
}
inline void round_values(const bfloat16* row, int64_t /*dim*/, int64_t begin, __m256i (&out)[4]) {
  unrolled<4>([&](auto i) TARN_INLINE {
    out[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + begin + i * 16));
  });
}

// acc[t][0 ... 64) += the sum over `pairs` pairs of slots of weights * values, for RT rows.
template <int RT>
inline void weighted_pairs(const bfloat16* weights, const __m512i* values, int64_t pairs,
                           float* const* rows, int64_t d, bool first_block) {
  __m512 acc[RT][4];
  unrolled<RT>([&](auto t) TARN_INLINE {
    unrolled<4>([&](auto i) TARN_INLINE {
      acc[t][i] = first_block ? _mm512_setzero_ps() : _mm512_loadu_ps(rows[t] + d + i * 16);
    });
  });
  for (int64_t p = 0; p < pairs; ++p) {
    __m512bh v[4];
    unrolled<4>([&](auto i)
                    TARN_INLINE { v[i] = (__m512bh)_mm512_load_si512(values + p * 4 + i); });
    unrolled<RT>([&](auto t) TARN_INLINE {
      int32_t pair;
      __builtin_memcpy(&pair, weights + t * attention_chunk + p * 2, sizeof pair);
      const auto weight = (__m512bh)_mm512_set1_epi32(pair);
      unrolled<4>([&](auto i)
                      TARN_INLINE { acc[t][i] = _mm512_dpbf16_ps(acc[t][i], weight, v[i]); });
    });
  }
  unrolled<RT>([&](auto t) TARN_INLINE {
    unrolled<4>([&](auto i) TARN_INLINE { _mm512_storeu_ps(rows[t] + d + i * 16, acc[t][i]); });
  });
}

}  // namespace
}  // namespace tarn::cpu
