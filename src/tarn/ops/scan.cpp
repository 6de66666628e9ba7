#include "tarn/ops/scan.h"

#include "tarn/core/op.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/scan_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

array scan(const Op& op, const array& a, int axis, bool reverse, bool inclusive) {
  const int at = normalize_axis(axis, a.ndim(), op.name);
  return make_array(op, {contiguous(a)}, a.shape(), a.dtype(),
                    ScanAttributes{axis_view(a.shape(), at), reverse, inclusive});
}

// Each kernel reads an element before it writes the same place.
const Op cumsum_op{.name = "cumsum", .reusable_input = 0};
const Op cumprod_op{.name = "cumprod", .reusable_input = 0};
const Op cummax_op{.name = "cummax", .reusable_input = 0};
const Op cummin_op{.name = "cummin", .reusable_input = 0};

}  // namespace

array cumsum(const array& a, int axis, bool reverse, bool inclusive) {
  const array numbers = a.dtype() == Dtype::bool_ ? astype(a, Dtype::i32) : a;
  return scan(cumsum_op, numbers, axis, reverse, inclusive);
}
array cumprod(const array& a, int axis, bool reverse, bool inclusive) {
  return scan(cumprod_op, a, axis, reverse, inclusive);
}
array cummax(const array& a, int axis, bool reverse, bool inclusive) {
  return scan(cummax_op, a, axis, reverse, inclusive);
}
array cummin(const array& a, int axis, bool reverse, bool inclusive) {
  return scan(cummin_op, a, axis, reverse, inclusive);
}

}  // namespace tarn
