// What reductions fold with: a starting value, a combination and a last step on the accumulator.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "tarn/cpu/maps.h"

namespace tarn::cpu {

// Integers add and multiply modulo 2^64, which truncates to every narrower type's wrap.
template <typename T>
using SumAccumulator =
    std::conditional_t<std::is_integral_v<T>, uint64_t, typename Compute<T>::type>;
template <typename T>
using SumResult = std::conditional_t<
    !std::is_integral_v<T> || sizeof(T) >= 4, T,
    std::conditional_t<std::is_unsigned_v<T> && !std::is_same_v<T, bool>, uint32_t, int32_t>>;

template <typename T>
struct Sum {
  using Accumulator = SumAccumulator<T>;
  using Result = SumResult<T>;
  static Accumulator start() { return 0; }
  static Accumulator combine(Accumulator a, Accumulator b) { return a + b; }
  static Result finish(Accumulator a, int64_t /*count*/) {
    return Compute<Result>::store(static_cast<typename Compute<Result>::type>(a));
  }
};

template <typename T>
struct Prod : Sum<T> {
  using Accumulator = SumAccumulator<T>;
  static Accumulator start() { return 1; }
  static Accumulator combine(Accumulator a, Accumulator b) { return a * b; }
};

template <typename T>
struct Mean : Sum<T> {
  using Accumulator = SumAccumulator<T>;
  using Result = T;
  static Result finish(Accumulator a, int64_t count) {
    return Compute<T>::store(a / static_cast<Accumulator>(count));
  }
};

// The comparison with itself lets NaN win from either side.
template <typename T>
struct Max {
  using Accumulator = typename Compute<T>::type;
  using Result = T;
  static Accumulator start() {
    using Limits = std::numeric_limits<Accumulator>;
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  }
  static Accumulator combine(Accumulator a, Accumulator b) { return a > b || a != a ? a : b; }
  static Result finish(Accumulator a, int64_t /*count*/) { return Compute<T>::store(a); }
};

template <typename T>
struct Min : Max<T> {
  using Accumulator = typename Compute<T>::type;
  static Accumulator start() {
    using Limits = std::numeric_limits<Accumulator>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  static Accumulator combine(Accumulator a, Accumulator b) { return a < b || a != a ? a : b; }
};

// Folds n neighbouring values in 16 lanes, then the lanes pairwise: one order for each n, and one
// that vector registers follow.
template <typename Reducer, typename T>
typename Reducer::Accumulator fold(const T* values, int64_t n) {
  using Accumulator = typename Reducer::Accumulator;
  constexpr int lanes = 16;
  const auto load = [](T x) { return static_cast<Accumulator>(Compute<T>::load(x)); };
  Accumulator lane[lanes];
  for (Accumulator& l : lane) l = Reducer::start();
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int l = 0; l < lanes; ++l) lane[l] = Reducer::combine(lane[l], load(values[i + l]));
  }
  for (int l = 0; i < n; ++i, ++l) lane[l] = Reducer::combine(lane[l], load(values[i]));
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lane[l] = Reducer::combine(lane[l], lane[l + half]);
  }
  return lane[0];
}

}  // namespace tarn::cpu
