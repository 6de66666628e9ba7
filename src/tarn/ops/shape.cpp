#include "tarn/ops/shape.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape_attributes.h"

namespace tarn {
namespace {

// A Python slice bound as an index in [0, extent], or in [-1, extent - 1] on the way down.
int64_t clamp_bound(int64_t bound, int64_t extent, bool down = false) {
  if (bound < 0) bound = bound < -extent ? (down ? -1 : 0) : bound + extent;
  return std::min(bound, down ? extent - 1 : extent);
}

Shape resolve_shape(const array& a, Shape shape) {
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1) {
      // Wrapping is harmless: the resolved shape's count is checked.
      known = static_cast<int64_t>(static_cast<uint64_t>(known) * static_cast<uint64_t>(shape[i]));
    } else if (unknown >= 0) {
      fail(ErrorCode::invalid_argument, "[reshape] shape {} leaves two extents open; name one",
           to_string(shape));
    } else {
      unknown = i;
    }
  }
  if (unknown >= 0 && known > 0 && a.size() % known == 0) shape[unknown] = a.size() / known;
  const bool resolved = std::all_of(shape.begin(), shape.end(), [](int64_t e) { return e >= 0; });
  if (!resolved || element_count(shape) != a.size()) {
    fail(ErrorCode::invalid_argument, "[reshape] {} elements of shape {} do not fill shape {}",
         a.size(), to_string(a.shape()), to_string(shape));
  }
  return shape;
}

// Strides that make `shape` a view of `a`. Runs of axes on both sides that hold the same number of
// elements are matched; within a run the axes of `a` must lie without gaps. False where they do
// not.
bool strides_without_copy(const array& a, const Shape& shape, Strides& strides) {
  Shape old_shape;
  Strides old_strides;
  for (int i = 0; i < a.ndim(); ++i) {
    if (a.shape()[i] == 1) continue;
    old_shape.push_back(a.shape()[i]);
    old_strides.push_back(a.strides()[i]);
  }
  strides = Strides(shape.rank(), 1);
  int from = 0;
  int to = 0;
  while (from < old_shape.rank()) {
    while (shape[to] == 1) ++to;
    int from_end = from + 1;
    int to_end = to + 1;
    int64_t from_count = old_shape[from];
    int64_t to_count = shape[to];
    while (from_count != to_count) {
      if (from_count < to_count) {
        from_count *= old_shape[from_end++];
      } else {
        to_count *= shape[to_end++];
      }
    }
    for (int i = from; i + 1 < from_end; ++i) {
      if (old_strides[i] != old_strides[i + 1] * old_shape[i + 1]) return false;
    }
    int64_t stride = old_strides[from_end - 1];
    for (int i = to_end - 1; i >= to; --i) {
      strides[i] = stride;
      stride *= shape[i];
    }
    from = from_end;
    to = to_end;
  }
  return true;
}

const Op slice_update_op{.name = "slice_update", .reusable_input = 0};

}  // namespace

array reshape(const array& a, const Shape& shape) {
  const Shape resolved = resolve_shape(a, shape);
  if (resolved == a.shape()) return a;
  Strides strides;
  if (a.size() > 0 && strides_without_copy(a, resolved, strides)) {
    return make_view(a, resolved, strides);
  }
  const array base = contiguous(a);
  return make_view(base, resolved, contiguous_strides(resolved));
}

array flatten(const array& a, int first_axis, int last_axis) {
  if (a.ndim() == 0) return reshape(a, {1});
  const int first = normalize_axis(first_axis, a.ndim(), "flatten");
  const int last = normalize_axis(last_axis, a.ndim(), "flatten");
  Shape shape;
  for (int i = 0; i < a.ndim(); ++i) {
    if (i > first && i <= last) {
      shape.back() *= a.shape()[i];
    } else {
      shape.push_back(a.shape()[i]);
    }
  }
  return reshape(a, shape);
}

array squeeze(const array& a, int axis) {
  const int at = normalize_axis(axis, a.ndim(), "squeeze");
  if (a.shape()[at] != 1) {
    fail(ErrorCode::invalid_argument, "[squeeze] axis {} of shape {} is not 1", axis,
         to_string(a.shape()));
  }
  Shape shape = a.shape();
  Strides strides = a.strides();
  shape.erase(at);
  strides.erase(at);
  return make_view(a, shape, strides);
}

array expand_dims(const array& a, int axis) {
  const int at = normalize_axis(axis, a.ndim() + 1, "expand_dims");
  Shape shape = a.shape();
  Strides strides = a.strides();
  shape.insert(at, 1);
  strides.insert(at, 1);
  return make_view(a, shape, strides);
}

array broadcast_to(const array& a, const Shape& shape) {
  if (a.shape() == shape) return a;
  if (!(broadcast_shapes(a.shape(), shape, "broadcast_to") == shape)) {
    fail(ErrorCode::invalid_argument, "[broadcast_to] shape {} does not broadcast to {}",
         to_string(a.shape()), to_string(shape));
  }
  Strides strides(shape.rank(), 0);
  const int shift = shape.rank() - a.ndim();
  for (int i = 0; i < a.ndim(); ++i) {
    if (a.shape()[i] == shape[i + shift]) strides[i + shift] = a.strides()[i];
  }
  return make_view(a, shape, strides);
}

array transpose(const array& a) {
  std::vector<int> axes(static_cast<size_t>(a.ndim()));
  std::iota(axes.rbegin(), axes.rend(), 0);
  return transpose(a, axes);
}

array transpose(const array& a, const std::vector<int>& axes) {
  if (static_cast<int>(axes.size()) != a.ndim()) {
    fail(ErrorCode::invalid_argument, "[transpose] {} axes given for an array of {} dimensions",
         axes.size(), a.ndim());
  }
  Shape shape;
  Strides strides;
  std::vector<bool> used(axes.size(), false);
  for (const int axis : axes) {
    const int from = normalize_axis(axis, a.ndim(), "transpose");
    if (used[static_cast<size_t>(from)]) {
      fail(ErrorCode::invalid_argument, "[transpose] axis {} is named twice", axis);
    }
    used[static_cast<size_t>(from)] = true;
    shape.push_back(a.shape()[from]);
    strides.push_back(a.strides()[from]);
  }
  return make_view(a, shape, strides);
}

array swapaxes(const array& a, int axis1, int axis2) {
  std::vector<int> axes(static_cast<size_t>(a.ndim()));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[static_cast<size_t>(normalize_axis(axis1, a.ndim(), "swapaxes"))],
            axes[static_cast<size_t>(normalize_axis(axis2, a.ndim(), "swapaxes"))]);
  return transpose(a, axes);
}

array moveaxis(const array& a, int from, int to) {
  std::vector<int> axes(static_cast<size_t>(a.ndim()));
  std::iota(axes.begin(), axes.end(), 0);
  const int source = normalize_axis(from, a.ndim(), "moveaxis");
  const int target = normalize_axis(to, a.ndim(), "moveaxis");
  axes.erase(axes.begin() + source);
  axes.insert(axes.begin() + target, source);
  return transpose(a, axes);
}

array slice(const array& a, const Dims& start, const Dims& stop, const Dims& step) {
  if (start.rank() != a.ndim() || stop.rank() != a.ndim() || step.rank() != a.ndim()) {
    fail(ErrorCode::invalid_argument, "[slice] bounds of {} dimensions for an array of {}",
         start.rank(), a.ndim());
  }
  Shape shape;
  Strides strides;
  int64_t offset = 0;
  bool whole = true;
  for (int i = 0; i < a.ndim(); ++i) {
    if (step[i] == 0) {
      fail(ErrorCode::invalid_argument, "[slice] step 0 on axis {} goes nowhere; give another", i);
    }
    const bool down = step[i] < 0;
    const int64_t extent = a.shape()[i];
    const int64_t begin = clamp_bound(start[i], extent, down);
    const int64_t end = clamp_bound(stop[i], extent, down);
    const int64_t distance = down ? begin - end : end - begin;
    // No step is longer than the axis: products below stay in range.
    const int64_t by = std::clamp(step[i], -extent - 1, extent + 1);
    shape.push_back(distance > 0 ? (distance - 1) / std::abs(by) + 1 : 0);
    strides.push_back(a.strides()[i] * by);
    offset += begin * a.strides()[i];
    whole = whole && shape.back() == extent && (by > 0 || extent <= 1);
  }
  if (whole) return a;
  if (element_count(shape) == 0) offset = 0;
  return make_view(a, shape, strides, offset * static_cast<int64_t>(size_of(a.dtype())));
}

array slice(const array& a, const Dims& start, const Dims& stop) {
  return slice(a, start, stop, Dims(a.ndim(), 1));
}

array slice(const array& a, int axis, int64_t start, int64_t stop, int64_t step) {
  const int at = normalize_axis(axis, a.ndim(), "slice");
  Dims starts(a.ndim(), 0);
  Dims stops = a.shape();
  Dims steps(a.ndim(), 1);
  starts[at] = start;
  stops[at] = stop;
  steps[at] = step;
  return slice(a, starts, stops, steps);
}

std::vector<array> split(const array& a, int parts, int axis) {
  const int at = normalize_axis(axis, a.ndim(), "split");
  if (parts < 1 || a.shape()[at] % parts != 0) {
    fail(ErrorCode::invalid_argument,
         "[split] axis {} of shape {} does not divide into {} equal parts", axis,
         to_string(a.shape()), parts);
  }
  std::vector<int64_t> cuts;
  for (int i = 1; i < parts; ++i) cuts.push_back(a.shape()[at] / parts * i);
  return split(a, cuts, axis);
}

std::vector<array> split(const array& a, const std::vector<int64_t>& at, int axis) {
  std::vector<array> pieces;
  int64_t begin = 0;
  for (const int64_t cut : at) {
    pieces.push_back(slice(a, axis, begin, cut));
    begin = cut;
  }
  pieces.push_back(slice(a, axis, begin, a.shape(axis)));
  return pieces;
}

array contiguous(const array& a) {
  if (a.contiguous()) return a;
  return make_array(copy_op, {a}, a.shape(), a.dtype());
}

array concatenate(const std::vector<array>& arrays, int axis) {
  if (arrays.empty()) fail(ErrorCode::invalid_argument, "[concatenate] no arrays given");
  const int at = normalize_axis(axis, arrays[0].ndim(), "concatenate");
  Shape shape = arrays[0].shape();
  Dtype dtype = arrays[0].dtype();
  for (size_t i = 1; i < arrays.size(); ++i) {
    Shape other = arrays[i].shape();
    if (other.rank() == shape.rank()) other[at] = shape[at];
    if (!(other == shape)) {
      fail(ErrorCode::invalid_argument,
           "[concatenate] shapes {} and {} differ on an axis other than {}",
           to_string(arrays[0].shape()), to_string(arrays[i].shape()), axis);
    }
    shape[at] += arrays[i].shape()[at];
    dtype = promote(dtype, arrays[i].dtype());
  }
  if (arrays.size() == 1) return arrays[0];
  std::vector<array> inputs;
  for (const array& a : arrays) inputs.push_back(astype(a, dtype));
  static const Op op{.name = "concatenate"};
  return make_array(op, std::move(inputs), shape, dtype, ConcatenateAttributes{at});
}

array stack(const std::vector<array>& arrays, int axis) {
  std::vector<array> expanded;
  for (const array& a : arrays) expanded.push_back(expand_dims(a, axis));
  return concatenate(expanded, axis);
}

array pad(const array& a, const std::vector<std::pair<int64_t, int64_t>>& widths,
          const array& value) {
  if (static_cast<int>(widths.size()) != a.ndim()) {
    fail(ErrorCode::invalid_argument, "[pad] {} widths for an array of {} dimensions",
         widths.size(), a.ndim());
  }
  Shape shape;
  Dims start;
  Dims stop;
  for (int i = 0; i < a.ndim(); ++i) {
    const auto [before, after] = widths[static_cast<size_t>(i)];
    if (before < 0 || after < 0) {
      fail(ErrorCode::invalid_argument, "[pad] negative width on axis {}; use slice to crop", i);
    }
    shape.push_back(before + a.shape()[i] + after);
    start.push_back(before);
    stop.push_back(before + a.shape()[i]);
  }
  return slice_update(contiguous(broadcast_to(astype(value, a.dtype()), shape)), a, start, stop);
}

array repeat(const array& a, int64_t times, int axis) {
  const int at = normalize_axis(axis, a.ndim(), "repeat");
  if (times < 0) fail(ErrorCode::invalid_argument, "[repeat] {} times", times);
  Shape wide = a.shape();
  wide.insert(at + 1, times);
  Shape shape = a.shape();
  shape[at] *= times;
  return reshape(broadcast_to(expand_dims(a, at + 1), wide), shape);
}

array slice_update(const array& a, const array& update, const Dims& start, const Dims& stop) {
  if (start.rank() != a.ndim() || stop.rank() != a.ndim()) {
    fail(ErrorCode::invalid_argument, "[slice_update] bounds of {} dimensions for an array of {}",
         start.rank(), a.ndim());
  }
  SliceUpdateAttributes attributes;
  Shape region;
  for (int i = 0; i < a.ndim(); ++i) {
    const int64_t begin = clamp_bound(start[i], a.shape()[i]);
    attributes.start.push_back(begin);
    region.push_back(std::max<int64_t>(0, clamp_bound(stop[i], a.shape()[i]) - begin));
  }
  if (!(broadcast_shapes(update.shape(), region, "slice_update") == region)) {
    fail(ErrorCode::invalid_argument,
         "[slice_update] update {} does not broadcast to the region {}", to_string(update.shape()),
         to_string(region));
  }
  return make_array(slice_update_op,
                    {contiguous(a), broadcast_to(astype(update, a.dtype()), region)}, a.shape(),
                    a.dtype(), attributes);
}

array slice_update(const array& a, const array& update, int axis, int64_t start, int64_t stop) {
  const int at = normalize_axis(axis, a.ndim(), "slice_update");
  Dims starts(a.ndim(), 0);
  Dims stops = a.shape();
  starts[at] = start;
  stops[at] = stop;
  return slice_update(a, update, starts, stops);
}

}  // namespace tarn
