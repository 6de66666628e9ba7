#pragma once

#include <concepts>

namespace tarn {

// The smallest multiple of unit > 0 that is not below value >= 0.
template <std::integral T>
constexpr T round_up(T value, T unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace tarn
