// Operations on shapes. All but contiguous, concatenate, stack, pad and repeat are views: they move
// no bytes (reshape of an array that is not row-major copies it first).
#pragma once

#include <vector>

#include "tarn/core/array.h"

namespace tarn {

// One extent may be -1: what remains.
array reshape(const array& a, const Shape& shape);
array flatten(const array& a, int first_axis = 0, int last_axis = -1);
array squeeze(const array& a, int axis);  // the extent must be 1
array expand_dims(const array& a, int axis);
array broadcast_to(const array& a, const Shape& shape);
array transpose(const array& a);  // reverses the axes
array transpose(const array& a, const std::vector<int>& axes);
array swapaxes(const array& a, int axis1, int axis2);
array moveaxis(const array& a, int from, int to);

// Elements start, start + step, ... below stop of each axis (above it for a negative step).
// Negative starts and stops count from the end and out-of-range ones are clamped, as in Python; to
// walk down to the first element, give a stop below -extent.
array slice(const array& a, const Dims& start, const Dims& stop, const Dims& step);
array slice(const array& a, const Dims& start, const Dims& stop);
// The same on one axis, all of the others.
array slice(const array& a, int axis, int64_t start, int64_t stop, int64_t step = 1);
std::vector<array> split(const array& a, int parts, int axis);  // equal parts
std::vector<array> split(const array& a, const std::vector<int64_t>& at,
                         int axis);  // cut before each

// The values in row-major order; `a` itself if they are.
array contiguous(const array& a);
array concatenate(const std::vector<array>& arrays, int axis);
array stack(const std::vector<array>& arrays, int axis);
array pad(const array& a, const std::vector<std::pair<int64_t, int64_t>>& widths,
          const array& value);
array repeat(const array& a, int64_t times, int axis);  // each element `times` times in a row

// `a` with `update` (broadcast to the region) in place of a[start:stop]. Writes in place when
// nobody else holds `a`.
array slice_update(const array& a, const array& update, const Dims& start, const Dims& stop);
array slice_update(const array& a, const array& update, int axis, int64_t start, int64_t stop);

}  // namespace tarn
