// New arrays from a few parameters.
#pragma once

#include "tarn/core/array.h"

namespace tarn {

// `value`, broadcast to `shape`: a view of one copy of it, which takes no memory.
array full(const Shape& shape, const array& value);
array full(const Shape& shape, const array& value, Dtype dtype);
array zeros(const Shape& shape, Dtype dtype = Dtype::f32);
array ones(const Shape& shape, Dtype dtype = Dtype::f32);
array zeros_like(const array& a);
array ones_like(const array& a);

// start, start + step, ... below stop (above it for a negative step): [ceil((stop - start) /
// step)]. Element i is start + i * step, in double precision for floating dtypes.
array arange(double start, double stop, double step = 1, Dtype dtype = Dtype::f32);
array arange(int64_t stop, Dtype dtype = Dtype::i32);  // 0, 1, ..., stop - 1
// `count` values from start to stop, both included.
array linspace(double start, double stop, int64_t count = 50, Dtype dtype = Dtype::f32);

// [rows, columns] with ones on diagonal k: above the main one for k > 0, below for k < 0.
array eye(int64_t rows, int64_t columns, int k = 0, Dtype dtype = Dtype::f32);
// [rows, columns] with ones on and below diagonal k.
array tri(int64_t rows, int64_t columns, int k = 0, Dtype dtype = Dtype::f32);
// The matrices of the last two axes with zeros above (tril) or below (triu) diagonal k.
array tril(const array& a, int k = 0);
array triu(const array& a, int k = 0);

}  // namespace tarn
