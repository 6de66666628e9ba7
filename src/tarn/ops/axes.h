// Lists of axes, as operations over several of them take.
#pragma once

#include <utility>
#include <vector>

#include "tarn/core/array.h"

namespace tarn {

// In [0, rank), ascending. Errors: out of range, named twice. `op` opens the message.
std::vector<int> normalize_axes(const std::vector<int>& axes, int rank, const char* op);
std::vector<int> all_axes(int rank);
// The shape that reducing these (normalized) axes leaves: without them, or with 1 in their place.
Shape reduced_shape(const Shape& shape, const std::vector<int>& axes, bool keepdims);

// A row-major array seen as [outer, extent, inner].
struct AxisView {
  int64_t outer = 1;
  int64_t extent = 1;
  int64_t inner = 1;
};
AxisView axis_view(const Shape& shape, int first_axis, int last_axis);
inline AxisView axis_view(const Shape& shape, int axis) { return axis_view(shape, axis, axis); }

// `a` row-major with the given (normalized) axes next to each other, and how those lie: in place
// where they are neighbours already, otherwise moved to the end.
std::pair<array, AxisView> gather_axes(const array& a, const std::vector<int>& axes);

// `a` row-major with `axis` last, and what it computes moved back.
array axis_to_last(const array& a, int axis);
array axis_from_last(const array& a, int axis);

}  // namespace tarn
