#include "tarn/ops/reduce.h"

#include <cmath>

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/axes.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

const Op sum_op{.name = "sum"};
const Op prod_op{.name = "prod"};
const Op mean_op{.name = "mean"};
const Op max_op{.name = "max"};
const Op min_op{.name = "min"};
const Op all_op{.name = "all"};
const Op any_op{.name = "any"};
const Op argmax_op{.name = "argmax"};
const Op argmin_op{.name = "argmin"};

array reduce(const Op& op, const array& a, const std::vector<int>& axes, bool keepdims,
             Dtype dtype) {
  const std::vector<int> normal = normalize_axes(axes, a.ndim(), op.name);
  const auto [operand, view] = gather_axes(a, normal);
  return make_array(op, {operand}, reduced_shape(a.shape(), normal, keepdims), dtype,
                    ReduceAttributes{view});
}

Dtype floating(Dtype dtype) { return is_floating(dtype) ? dtype : Dtype::f32; }

Dtype sum_type(Dtype dtype) {
  if (is_floating(dtype) || size_of(dtype) >= 4) return dtype;
  return category(dtype) == Category::unsigned_integer ? Dtype::u32 : Dtype::i32;
}

void require_choice(const Op& op, const array& a, const std::vector<int>& axes) {
  for (const int axis : normalize_axes(axes, a.ndim(), op.name)) {
    if (a.shape()[axis] == 0) {
      fail(ErrorCode::invalid_argument, "[{}] axis {} of shape {} is empty: nothing to choose from",
           op.name, axis, to_string(a.shape()));
    }
  }
}

array arg_reduce(const Op& op, const array& a, int axis, bool keepdims) {
  const int at = normalize_axis(axis, a.ndim(), op.name);
  require_choice(op, a, {at});
  const array operand = axis_to_last(a, at);
  return make_array(op, {operand}, reduced_shape(a.shape(), {at}, keepdims), Dtype::u32,
                    ReduceAttributes{axis_view(operand.shape(), a.ndim() - 1)});
}

}  // namespace

array sum(const array& a, const std::vector<int>& axes, bool keepdims) {
  return reduce(sum_op, a, axes, keepdims, sum_type(a.dtype()));
}

array prod(const array& a, const std::vector<int>& axes, bool keepdims) {
  return reduce(prod_op, a, axes, keepdims, sum_type(a.dtype()));
}

array mean(const array& a, const std::vector<int>& axes, bool keepdims) {
  const Dtype dtype = floating(a.dtype());
  return reduce(mean_op, astype(a, dtype), axes, keepdims, dtype);
}

array var(const array& a, const std::vector<int>& axes, bool keepdims, int ddof) {
  const Dtype dtype = floating(a.dtype());
  const array wide = astype(a, dtype == Dtype::f64 ? dtype : Dtype::f32);
  const std::vector<int> normal = normalize_axes(axes, a.ndim(), "var");
  const array total = sum(square(wide - mean(wide, normal, true)), normal, keepdims);
  int64_t count = 1;
  for (const int axis : normal) count *= a.shape()[axis];
  // Nothing to divide by says "unknown spread", as an infinite one.
  const float divisor = static_cast<float>(count > ddof ? count - ddof : 0);
  const array result = count > ddof || count == 0
                           ? total / divisor
                           : broadcast_to(scalar_like(INFINITY, wide), total.shape());
  return astype(result, dtype);
}

array std(const array& a, const std::vector<int>& axes, bool keepdims, int ddof) {
  return sqrt(var(a, axes, keepdims, ddof));
}

array logsumexp(const array& a, const std::vector<int>& axes, bool keepdims) {
  const Dtype dtype = floating(a.dtype());
  const array wide = astype(a, dtype == Dtype::f64 ? dtype : Dtype::f32);
  const std::vector<int> normal = normalize_axes(axes, a.ndim(), "logsumexp");
  if (a.size() == 0) return astype(log(sum(exp(wide), normal, keepdims)), dtype);
  const array highest = max(wide, normal, true);
  // An infinite maximum would make inf - inf; without the shift the sum is already right.
  const array shift = where(isfinite(highest), highest, scalar_like(0.0F, wide));
  const array total = log(sum(exp(wide - shift), normal, true)) + shift;
  return astype(reshape(total, reduced_shape(a.shape(), normal, keepdims)), dtype);
}

array max(const array& a, const std::vector<int>& axes, bool keepdims) {
  require_choice(max_op, a, axes);
  return reduce(max_op, a, axes, keepdims, a.dtype());
}

array min(const array& a, const std::vector<int>& axes, bool keepdims) {
  require_choice(min_op, a, axes);
  return reduce(min_op, a, axes, keepdims, a.dtype());
}

array all(const array& a, const std::vector<int>& axes, bool keepdims) {
  return reduce(all_op, astype(a, Dtype::bool_), axes, keepdims, Dtype::bool_);
}

array any(const array& a, const std::vector<int>& axes, bool keepdims) {
  return reduce(any_op, astype(a, Dtype::bool_), axes, keepdims, Dtype::bool_);
}

array argmax(const array& a, int axis, bool keepdims) {
  return arg_reduce(argmax_op, a, axis, keepdims);
}
array argmin(const array& a, int axis, bool keepdims) {
  return arg_reduce(argmin_op, a, axis, keepdims);
}
array argmax(const array& a) { return argmax(reshape(a, {a.size()}), 0); }
array argmin(const array& a) { return argmin(reshape(a, {a.size()}), 0); }

array sum(const array& a) { return sum(a, all_axes(a.ndim())); }
array prod(const array& a) { return prod(a, all_axes(a.ndim())); }
array mean(const array& a) { return mean(a, all_axes(a.ndim())); }
array var(const array& a) { return var(a, all_axes(a.ndim())); }
array std(const array& a) { return std(a, all_axes(a.ndim())); }
array logsumexp(const array& a) { return logsumexp(a, all_axes(a.ndim())); }
array max(const array& a) { return max(a, all_axes(a.ndim())); }
array min(const array& a) { return min(a, all_axes(a.ndim())); }
array all(const array& a) { return all(a, all_axes(a.ndim())); }
array any(const array& a) { return any(a, all_axes(a.ndim())); }

}  // namespace tarn
