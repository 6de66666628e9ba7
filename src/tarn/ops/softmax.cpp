#include "tarn/ops/softmax.h"

#include <algorithm>

#include "tarn/core/op.h"
#include "tarn/ops/axes.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

std::vector<array> compose_softmax(const OpNode& node) {
  const array& a = node.inputs[0];
  const array powers = exp(a - max(a, -1, true));
  return {powers / sum(powers, -1, true)};
}

const Op softmax_op{.name = "softmax", .compose = compose_softmax, .reusable_input = 0};

array softmax_last(const array& a) { return make_array(softmax_op, {a}, a.shape(), a.dtype()); }

}  // namespace

array softmax(const array& a, int axis, bool /*precise*/) {
  const int at = normalize_axis(axis, a.ndim(), "softmax");
  const array x = is_floating(a.dtype()) ? a : astype(a, Dtype::f32);
  if (at == a.ndim() - 1) return softmax_last(contiguous(x));
  return axis_from_last(softmax_last(axis_to_last(x, at)), at);
}

array softmax(const array& a, const std::vector<int>& axes, bool precise) {
  const std::vector<int> normal = normalize_axes(axes, a.ndim(), "softmax");
  if (normal.size() == 1) return softmax(a, normal[0], precise);
  // The named axes move to the end and become one; the way back undoes both.
  std::vector<int> order;
  for (int i = 0; i < a.ndim(); ++i) {
    if (std::find(normal.begin(), normal.end(), i) == normal.end()) order.push_back(i);
  }
  const int kept = static_cast<int>(order.size());
  order.insert(order.end(), normal.begin(), normal.end());
  const array moved = transpose(a, order);
  Shape rows;
  int64_t extent = 1;
  for (int i = 0; i < a.ndim(); ++i) {
    if (i < kept) {
      rows.push_back(moved.shape()[i]);
    } else {
      extent *= moved.shape()[i];
    }
  }
  rows.push_back(extent);
  std::vector<int> back(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    back[static_cast<size_t>(order[i])] = static_cast<int>(i);
  return transpose(reshape(softmax(reshape(moved, rows), -1, precise), moved.shape()), back);
}

array log_softmax(const array& a, const std::vector<int>& axes) {
  return a - logsumexp(a, axes, true);
}

array log_softmax(const array& a, int axis) { return log_softmax(a, std::vector<int>{axis}); }

}  // namespace tarn
