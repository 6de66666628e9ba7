// Sorting and selection along one axis. Ascending and stable; -0 equals 0; NaN comes last.
#pragma once

#include "tarn/core/array.h"

namespace tarn {

array sort(const array& a, int axis = -1);
array argsort(const array& a, int axis = -1);  // uint32 positions that sort would read

// The value that sort would put at `kth` (negative: from the end) is there; smaller ones stand
// before it and larger ones after it, in no particular order. Linear time.
array partition(const array& a, int kth, int axis = -1);
array argpartition(const array& a, int kth, int axis = -1);  // uint32 positions

// The k largest values in no particular order.
array topk(const array& a, int k, int axis = -1);

}  // namespace tarn
