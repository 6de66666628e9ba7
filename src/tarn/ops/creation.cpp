#include "tarn/ops/creation.h"

#include <cmath>

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/creation_attributes.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

const Op arange_op{.name = "arange"};

// Column index minus row index, [rows, columns].
array diagonal_index(int64_t rows, int64_t columns) {
  return expand_dims(arange(columns), 0) - expand_dims(arange(rows), 1);
}

void require_matrices(const array& a, const char* op) {
  if (a.ndim() < 2) {
    fail(ErrorCode::invalid_argument, "[{}] shape {} has no matrices; it needs two dimensions", op,
         to_string(a.shape()));
  }
}

}  // namespace

array full(const Shape& shape, const array& value) { return broadcast_to(value, shape); }

array full(const Shape& shape, const array& value, Dtype dtype) {
  return broadcast_to(astype(value, dtype), shape);
}

array zeros(const Shape& shape, Dtype dtype) { return full(shape, array(0.0F), dtype); }
array ones(const Shape& shape, Dtype dtype) { return full(shape, array(1.0F), dtype); }
array zeros_like(const array& a) { return zeros(a.shape(), a.dtype()); }
array ones_like(const array& a) { return ones(a.shape(), a.dtype()); }

array arange(double start, double stop, double step, Dtype dtype) {
  if (dtype == Dtype::bool_) {
    fail(ErrorCode::invalid_argument, "[arange] bool holds no range; use an integer type");
  }
  const double count = std::ceil((stop - start) / step);
  if (std::isnan(count) || count > 0x1p62) {
    fail(ErrorCode::invalid_argument, "[arange] start {}, stop {}, step {} give no finite range",
         start, stop, step);
  }
  if (is_integer(dtype) && (std::abs(start) >= 0x1p63 || std::abs(stop) > 0x1p63)) {
    fail(ErrorCode::invalid_argument, "[arange] {} to {} does not fit {}; use a floating type",
         start, stop, name(dtype));
  }
  const Shape shape{count > 0 ? static_cast<int64_t>(count) : 0};
  return make_array(arange_op, {}, shape, dtype, ArangeAttributes{start, step});
}

array arange(int64_t stop, Dtype dtype) { return arange(0, static_cast<double>(stop), 1, dtype); }

array linspace(double start, double stop, int64_t count, Dtype dtype) {
  if (count < 0) fail(ErrorCode::invalid_argument, "[linspace] {} values; give 0 or more", count);
  if (count == 1) return full({1}, array({start}, {}), dtype);
  // Weights of both ends rather than start + i * step: the last value is exactly `stop`.
  const Dtype type = dtype == Dtype::f64 ? Dtype::f64 : Dtype::f32;
  const array last = astype(array({static_cast<double>(count - 1)}, {}), type);
  const array t = arange(count, type) / last;
  const array from = astype(array({start}, {}), type);
  const array to = astype(array({stop}, {}), type);
  return astype((1.0F - t) * from + t * to, dtype);
}

array eye(int64_t rows, int64_t columns, int k, Dtype dtype) {
  return astype(equal(diagonal_index(rows, columns), array(k)), dtype);
}

array tri(int64_t rows, int64_t columns, int k, Dtype dtype) {
  return astype(diagonal_index(rows, columns) <= array(k), dtype);
}

array tril(const array& a, int k) {
  require_matrices(a, "tril");
  return where(diagonal_index(a.shape(-2), a.shape(-1)) <= array(k), a, zeros({}, a.dtype()));
}

array triu(const array& a, int k) {
  require_matrices(a, "triu");
  return where(diagonal_index(a.shape(-2), a.shape(-1)) >= array(k), a, zeros({}, a.dtype()));
}

}  // namespace tarn
