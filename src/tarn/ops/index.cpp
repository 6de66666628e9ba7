#include "tarn/ops/index.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/axes.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

const Op take_op{.name = "take"};
const Op take_along_axis_op{.name = "take_along_axis"};
const Op scatter_op{.name = "scatter", .reusable_input = 0};
const Op put_along_axis_op{.name = "put_along_axis", .reusable_input = 0};

array index_operand(const array& indices, const char* op) {
  if (!is_integer(indices.dtype())) {
    fail(ErrorCode::invalid_argument, "[{}] indices are {}; cast them to an integer type", op,
         name(indices.dtype()));
  }
  return contiguous(indices);
}

// a.shape[:axis] + middle + a.shape[axis+1:]
Shape with_axis_replaced(const Shape& shape, int axis, const Shape& middle) {
  Shape result;
  for (int i = 0; i < axis; ++i) result.push_back(shape[i]);
  for (const int64_t extent : middle) result.push_back(extent);
  for (int i = axis + 1; i < shape.rank(); ++i) result.push_back(shape[i]);
  return result;
}

// The common shape of array and indices on all axes but `axis`; that one is left at 1.
Shape frame(const array& a, const array& indices, int axis, const char* op) {
  if (a.ndim() != indices.ndim()) {
    fail(ErrorCode::invalid_argument,
         "[{}] indices {} must have as many dimensions as the array {}; expand or reshape them", op,
         to_string(indices.shape()), to_string(a.shape()));
  }
  Shape left = a.shape();
  Shape right = indices.shape();
  left[axis] = 1;
  right[axis] = 1;
  return broadcast_shapes(left, right, op);
}

array with_extent(const array& a, Shape shape, int axis) {
  shape[axis] = a.shape()[axis];
  return contiguous(broadcast_to(a, shape));
}

array put(const array& a, const array& indices, const array& values, int axis, ScatterMode mode,
          const char* op) {
  const int at = normalize_axis(axis, a.ndim(), op);
  Shape shape = frame(a, indices, at, op);
  shape[at] = a.shape()[at];
  if (!(shape == a.shape())) {
    fail(ErrorCode::invalid_argument, "[{}] indices {} do not broadcast to the array {}", op,
         to_string(indices.shape()), to_string(a.shape()));
  }
  const array index = with_extent(index_operand(indices, op), shape, at);
  if (!(broadcast_shapes(values.shape(), index.shape(), op) == index.shape())) {
    fail(ErrorCode::invalid_argument, "[{}] values {} do not broadcast to the indices {}", op,
         to_string(values.shape()), to_string(index.shape()));
  }
  const array update = contiguous(broadcast_to(astype(values, a.dtype()), index.shape()));
  return make_array(put_along_axis_op, {contiguous(a), index, update}, a.shape(), a.dtype(),
                    IndexAttributes{axis_view(a.shape(), at), at, mode, true});
}

}  // namespace

array take(const array& a, const array& indices, int axis) {
  const int at = normalize_axis(axis, a.ndim(), take_op.name);
  return make_array(take_op, {contiguous(a), index_operand(indices, take_op.name)},
                    with_axis_replaced(a.shape(), at, indices.shape()), a.dtype(),
                    IndexAttributes{axis_view(a.shape(), at), at});
}

array take(const array& a, const array& indices) {
  return take(reshape(a, {a.size()}), indices, 0);
}

array take_along_axis(const array& a, const array& indices, int axis) {
  const char* op = take_along_axis_op.name;
  const int at = normalize_axis(axis, a.ndim(), op);
  const Shape shape = frame(a, indices, at, op);
  const array source = with_extent(a, shape, at);
  const array index = with_extent(index_operand(indices, op), shape, at);
  return make_array(take_along_axis_op, {source, index}, index.shape(), a.dtype(),
                    IndexAttributes{axis_view(source.shape(), at), at});
}

array put_along_axis(const array& a, const array& indices, const array& values, int axis) {
  return put(a, indices, values, axis, ScatterMode::assign, "put_along_axis");
}

array scatter_add_axis(const array& a, const array& indices, const array& values, int axis) {
  return put(a, indices, values, axis, ScatterMode::add, "scatter_add_axis");
}

array scatter(const array& a, const array& indices, const array& updates, int axis,
              ScatterMode mode) {
  const int at = normalize_axis(axis, a.ndim(), scatter_op.name);
  const array index = index_operand(indices, scatter_op.name);
  const Shape slices = with_axis_replaced(a.shape(), at, indices.shape());
  if (!(broadcast_shapes(updates.shape(), slices, scatter_op.name) == slices)) {
    fail(ErrorCode::invalid_argument, "[scatter] updates {} do not broadcast to the slices {}",
         to_string(updates.shape()), to_string(slices));
  }
  const array update = contiguous(broadcast_to(astype(updates, a.dtype()), slices));
  return make_array(scatter_op, {contiguous(a), index, update}, a.shape(), a.dtype(),
                    IndexAttributes{axis_view(a.shape(), at), at, mode});
}

array scatter_add(const array& a, const array& indices, const array& updates, int axis) {
  return scatter(a, indices, updates, axis, ScatterMode::add);
}

}  // namespace tarn
