// Checks that the fused operations' builders share.
#pragma once

#include "tarn/core/array.h"

namespace tarn {

// Error "[op] what must be ..." unless the dtype is f32, f16 or bf16.
void require_float(const array& a, const char* op, const char* what);
void require_rank(const array& a, int rank, const char* op, const char* what);
void require_shape(const array& a, const Shape& shape, const char* op, const char* what);
// x as float32 whose last axis is dense, as the float kernels take it.
array as_rows(const array& x);

}  // namespace tarn
