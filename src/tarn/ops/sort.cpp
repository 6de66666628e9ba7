#include "tarn/ops/sort.h"

#include <limits>

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/axes.h"
#include "tarn/ops/shape.h"
#include "tarn/ops/sort_attributes.h"

namespace tarn {
namespace {

const Op sort_op{.name = "sort"};
const Op argsort_op{.name = "argsort"};
const Op partition_op{.name = "partition"};
const Op argpartition_op{.name = "argpartition"};

template <typename Attributes = NoAttributes>
array along(const Op& op, const array& a, int axis, Dtype dtype, Attributes attributes = {}) {
  const int at = normalize_axis(axis, a.ndim(), op.name);
  const array rows = axis_to_last(a, at);
  if (rows.shape(-1) > std::numeric_limits<uint32_t>::max()) {
    fail(ErrorCode::unsupported, "[{}] axis {} of shape {} is longer than 32 bits count", op.name,
         axis, to_string(a.shape()));
  }
  return axis_from_last(make_array(op, {rows}, rows.shape(), dtype, attributes), at);
}

array select(const Op& op, const array& a, int kth, int axis, Dtype dtype) {
  const int64_t extent = a.shape()[normalize_axis(axis, a.ndim(), op.name)];
  if (kth < -extent || kth >= extent) {
    fail(ErrorCode::invalid_argument, "[{}] kth {} is out of range for axis {} of extent {}",
         op.name, kth, axis, extent);
  }
  return along(op, a, axis, dtype, PartitionAttributes{kth < 0 ? kth + extent : kth});
}

}  // namespace

array sort(const array& a, int axis) { return along(sort_op, a, axis, a.dtype()); }
array argsort(const array& a, int axis) { return along(argsort_op, a, axis, Dtype::u32); }

array partition(const array& a, int kth, int axis) {
  return select(partition_op, a, kth, axis, a.dtype());
}

array argpartition(const array& a, int kth, int axis) {
  return select(argpartition_op, a, kth, axis, Dtype::u32);
}

array topk(const array& a, int k, int axis) {
  const int64_t extent = a.shape()[normalize_axis(axis, a.ndim(), "topk")];
  if (k < 0 || k > extent) {
    fail(ErrorCode::invalid_argument, "[topk] {} values asked of axis {} of extent {}", k, axis,
         extent);
  }
  if (k == extent) return a;
  if (k == 0) return slice(a, axis, 0, 0);
  return slice(partition(a, -k, axis), axis, extent - k, extent);
}

}  // namespace tarn
