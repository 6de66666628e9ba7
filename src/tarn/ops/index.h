// Reading and writing at positions that an array of indices names. Indices are integers of any
// type; negative ones count from the end; one outside the axis is an error of the evaluation that
// names it.
#pragma once

#include "tarn/core/array.h"

namespace tarn {

// The slices of `a` at `indices` along `axis`: a.shape[:axis] + indices.shape + a.shape[axis+1:].
// Rows of an embedding table are take(table, tokens, 0): the table stays where it is, in its type.
array take(const array& a, const array& indices, int axis);
array take(const array& a, const array& indices);  // of the flattened array

// out[.., i, ..] = a[.., indices[.., i, ..], ..] along `axis`; the other extents broadcast.
array take_along_axis(const array& a, const array& indices, int axis);

// `a` with values[.., i, ..] written (or added) at indices[.., i, ..] along `axis`. The other
// extents of indices, and values altogether, broadcast. Where an index repeats, the last value
// stays, and sums are in the order of i.
array put_along_axis(const array& a, const array& indices, const array& values, int axis);
array scatter_add_axis(const array& a, const array& indices, const array& values, int axis);

// The reverse of take: `a` with slice i of updates (a.shape[:axis] + indices.shape +
// a.shape[axis+1:], to which they broadcast) combined with the slice at indices[i], in the order of
// i. Works in place when nobody else holds `a`.
enum class ScatterMode { assign, add, multiply, maximum, minimum };
array scatter(const array& a, const array& indices, const array& updates, int axis = 0,
              ScatterMode mode = ScatterMode::assign);
array scatter_add(const array& a, const array& indices, const array& updates, int axis = 0);

}  // namespace tarn
