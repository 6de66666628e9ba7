#include <cmath>
#include <limits>
#include <type_traits>

#include "tarn/cpu/maps.h"

namespace tarn::cpu {
namespace {

// Floats outside an integer's range go to its nearest end and NaN to 0: C++ leaves those undefined.
template <typename To, typename From>
To cast_value(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) return To(0);
    constexpr auto low = static_cast<From>(std::numeric_limits<To>::min());
    constexpr auto high = static_cast<From>(std::numeric_limits<To>::max());
    if (value <= low) return std::numeric_limits<To>::min();
    if (value >= high) return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <typename From, typename To>
void run(const void* const* in, void* out, int64_t n) {
  const From* a = static_cast<const From*>(in[0]);
  To* target = static_cast<To*>(out);
  for (int64_t i = 0; i < n; ++i) {
    target[i] =
        Compute<To>::store(cast_value<typename Compute<To>::type>(Compute<From>::load(a[i])));
  }
}

}  // namespace

MapFunction find_cast_map(Dtype in, Dtype out) {
  return dispatch(in, [&](auto from) -> MapFunction {
    return dispatch(out, [](auto to) -> MapFunction { return run<decltype(from), decltype(to)>; });
  });
}

}  // namespace tarn::cpu
