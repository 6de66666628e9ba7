#include "tarn/ops/axes.h"

#include <algorithm>
#include <numeric>

#include "tarn/base/error.h"
#include "tarn/ops/shape.h"

namespace tarn {

std::vector<int> normalize_axes(const std::vector<int>& axes, int rank, const char* op) {
  std::vector<int> normal;
  for (const int axis : axes) normal.push_back(normalize_axis(axis, rank, op));
  std::sort(normal.begin(), normal.end());
  const auto twice = std::adjacent_find(normal.begin(), normal.end());
  if (twice != normal.end()) {
    fail(ErrorCode::invalid_argument, "[{}] axis {} is named twice", op, *twice);
  }
  return normal;
}

std::vector<int> all_axes(int rank) {
  std::vector<int> axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

Shape reduced_shape(const Shape& shape, const std::vector<int>& axes, bool keepdims) {
  Shape result;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (reduced && !keepdims) continue;
    result.push_back(reduced ? 1 : shape[i]);
  }
  return result;
}

AxisView axis_view(const Shape& shape, int first_axis, int last_axis) {
  AxisView view;
  for (int i = 0; i < shape.rank(); ++i) {
    (i < first_axis ? view.outer : i > last_axis ? view.inner : view.extent) *= shape[i];
  }
  return view;
}

std::pair<array, AxisView> gather_axes(const array& a, const std::vector<int>& axes) {
  if (axes.empty()) return {contiguous(a), {a.size(), 1, 1}};
  const int count = static_cast<int>(axes.size());
  if (axes.back() - axes.front() + 1 == count && a.contiguous()) {
    return {a, axis_view(a.shape(), axes.front(), axes.back())};
  }
  std::vector<int> order;
  for (int i = 0; i < a.ndim(); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
  }
  order.insert(order.end(), axes.begin(), axes.end());
  const array moved = contiguous(transpose(a, order));
  return {moved, axis_view(moved.shape(), a.ndim() - count, a.ndim() - 1)};
}

array axis_to_last(const array& a, int axis) { return contiguous(moveaxis(a, axis, -1)); }
array axis_from_last(const array& a, int axis) { return moveaxis(a, -1, axis); }

}  // namespace tarn
