#include "tarn/ops/checks.h"

#include "tarn/base/error.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape.h"

namespace tarn {

void require_float(const array& a, const char* op, const char* what) {
  if (is_floating(a.dtype()) && a.dtype() != Dtype::f64) return;
  fail(ErrorCode::invalid_argument, "[{}] {} must be float32, float16 or bfloat16, got {}; cast it",
       op, what, name(a.dtype()));
}

void require_rank(const array& a, int rank, const char* op, const char* what) {
  if (a.ndim() == rank) return;
  fail(ErrorCode::invalid_argument, "[{}] {} must have {} dimensions, got shape {}", op, what, rank,
       to_string(a.shape()));
}

void require_shape(const array& a, const Shape& shape, const char* op, const char* what) {
  if (a.shape() == shape) return;
  fail(ErrorCode::invalid_argument, "[{}] {} must have shape {}, got {}", op, what,
       to_string(shape), to_string(a.shape()));
}

array as_rows(const array& x) {
  const array floats = astype(x, Dtype::f32);
  const bool dense = floats.ndim() > 0 && (floats.strides().back() == 1 || floats.shape(-1) == 1);
  return dense ? floats : contiguous(floats);
}

}  // namespace tarn
