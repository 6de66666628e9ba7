// The inner tile of every product of rows with rows: accumulators of RN weight rows times RT input
// rows, advanced along k. Lane l of an accumulator sums the elements k = l modulo the lanes in
// ascending order, whatever the tile. For the includers of vec.h.
#pragma once

#include "tarn/cpu/isa/vec.h"

namespace tarn::cpu {
namespace {

// Rows of the input in a full tile: as many as the registers hold beside 4 weight rows.
constexpr int dot_tile_rows = Vec::registers == 32 ? 6 : 3;

template <int RN, int RT>
struct DotTile {
  Vec acc[RN][RT];

  TARN_INLINE void clear() {
    unrolled<RN>(
        [&](auto r) TARN_INLINE { unrolled<RT>([&](auto t) TARN_INLINE { acc[r][t] = zero(); }); });
  }
  template <typename W>
  TARN_INLINE void advance(const W* const (&w)[RN], const float* const (&x)[RT], int64_t i,
                           int count) {
    // The shorter side is held, the longer one passes by.
    if constexpr (RN < RT) {
      Vec weights[RN];
      unrolled<RN>([&](auto r) TARN_INLINE { weights[r] = load(w[r] + i, count); });
      unrolled<RT>([&](auto t) TARN_INLINE {
        const Vec input = load(x[t] + i, count);
        unrolled<RN>([&](auto r) TARN_INLINE { acc[r][t] = fma(weights[r], input, acc[r][t]); });
      });
    } else {
      Vec inputs[RT];
      unrolled<RT>([&](auto t) TARN_INLINE { inputs[t] = load(x[t] + i, count); });
      unrolled<RN>([&](auto r) TARN_INLINE {
        const Vec weight = load(w[r] + i, count);
        unrolled<RT>([&](auto t) TARN_INLINE { acc[r][t] = fma(weight, inputs[t], acc[r][t]); });
      });
    }
  }
  template <typename W>
  TARN_INLINE void accumulate(const W* const (&w)[RN], const float* const (&x)[RT], int64_t k) {
    int64_t i = 0;
    for (; i + Vec::lanes <= k; i += Vec::lanes) advance(w, x, i, Vec::lanes);
    if (i < k) advance(w, x, i, static_cast<int>(k - i));
  }
};

// Stores the first `count` of four sums.
inline void store_sums(Vec a, Vec b, Vec c, Vec d, float* out, int64_t count) {
  if (count >= 4) {
    store_sums_of_4(out, a, b, c, d);
  } else {
    float four[4];
    store_sums_of_4(four, a, b, c, d);
    for (int64_t i = 0; i < count; ++i) out[i] = four[i];
  }
}

// Calls f(integral constant count) for count in [1, dot_tile_rows].
template <int N>
struct Count {
  static constexpr int value = N;
};
template <typename F>
inline void with_rows(int64_t count, F f) {
  switch (count) {
    case 1:
      return f(Count<1>{});
    case 2:
      return f(Count<2>{});
    case 3:
      return f(Count<3>{});
  }
  if constexpr (dot_tile_rows == 6) {
    switch (count) {
      case 4:
        return f(Count<4>{});
      case 5:
        return f(Count<5>{});
      case 6:
        return f(Count<6>{});
    }
  }
}

}  // namespace
}  // namespace tarn::cpu
