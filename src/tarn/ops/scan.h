// Running sums, products and extremes along one axis. `reverse` runs from the end; without
// `inclusive` an element does not count itself, and the first is 0, 1 or the worst value of the
// type. The dtype stays, only cumsum of booleans is int32; f16 and bf16 accumulate in f32.
#pragma once

#include "tarn/core/array.h"

namespace tarn {

array cumsum(const array& a, int axis, bool reverse = false, bool inclusive = true);
array cumprod(const array& a, int axis, bool reverse = false, bool inclusive = true);
array cummax(const array& a, int axis, bool reverse = false, bool inclusive = true);
array cummin(const array& a, int axis, bool reverse = false, bool inclusive = true);

}  // namespace tarn
