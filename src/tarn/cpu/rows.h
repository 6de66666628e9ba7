// Operands as rows: the last axis dense, the others walked by strides.
#pragma once

#include "tarn/base/error.h"
#include "tarn/core/unit.h"
#include "tarn/cpu/isa/float_type.h"

namespace tarn::cpu {

// Calls body(row0, row1, data, stride) for runs of rows [row0, row1) of [begin, end) that lie one
// stride apart; `data` is the first row's.
template <typename Body>
void for_row_runs(const Operand& x, int64_t begin, int64_t end, Body&& body) {
  const int outer = x.ndim() - 1;  // axes that number the rows
  if (outer <= 0) {
    if (begin < end) body(begin, end, x.as<float>(), x.shape(-1));
    return;
  }
  if (x.contiguous) {
    body(begin, end, x.as<float>() + begin * x.shape(-1), x.shape(-1));
    return;
  }
  const int64_t run = x.shape(outer - 1);
  const int64_t stride = x.stride(outer - 1);
  for (int64_t row = begin; row < end;) {
    int64_t rest = row / run;
    const int64_t first = row % run;
    int64_t offset = first * stride;
    for (int axis = outer - 2; axis >= 0; --axis) {
      offset += rest % x.shape(axis) * x.stride(axis);
      rest /= x.shape(axis);
    }
    const int64_t stop = row - first + run < end ? row - first + run : end;
    body(row, stop, x.as<float>() + offset, stride);
    row = stop;
  }
}

inline FloatType float_type(Dtype dtype) {
  if (dtype == Dtype::f16) return FloatType::f16;
  return dtype == Dtype::bf16 ? FloatType::bf16 : FloatType::f32;
}

}  // namespace tarn::cpu
