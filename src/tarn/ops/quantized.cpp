#include "tarn/ops/quantized.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/coded.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/quantized_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

const Op quantize_op{.name = "quantize"};
const Op dequantize_op{.name = "dequantize"};
const Op quantized_matmul_op{.name = "quantized_matmul"};
const Op quantized_embedding_op{.name = "quantized_embedding"};

PanelAttributes attributes_of(const PanelArray& w, bool exact) {
  return {w.format, w.rows, w.columns, exact};
}

}  // namespace

AffineMatrix quantize(const array& w, int group_size, int bits) {
  require_float(w, "quantize", "w");
  require_rank(w, 2, "quantize", "w");
  quant::check_affine({bits, group_size}, static_cast<size_t>(w.shape(1)));
  const int64_t words = w.shape(1) / 32 * bits;
  const Shape groups = {w.shape(0), w.shape(1) / group_size};
  const std::vector<array> parts =
      make_arrays(quantize_op, {as_rows(contiguous(w))},
                  {{{w.shape(0), words}, Dtype::u32}, {groups, w.dtype()}, {groups, w.dtype()}},
                  AffineAttributes{bits, group_size});
  return {parts[0], parts[1], parts[2], bits, group_size};
}

void check_affine_matrix(const AffineMatrix& w, const char* what) {
  quant::check_affine({w.bits, w.group_size}, 0);  // before anything is divided by them
  require_rank(w.codes, 2, "quantized", what);
  if (w.codes.dtype() != Dtype::u32) {
    fail(ErrorCode::invalid_argument, "[quantized] {}: codes must be uint32, got {}", what,
         name(w.codes.dtype()));
  }
  require_float(w.scales, "quantized", what);
  if (w.codes.shape(1) * 32 % w.bits != 0) {
    fail(ErrorCode::invalid_argument,
         "[quantized] {}: {} words a row do not hold whole {}-bit codes", what, w.codes.shape(1),
         w.bits);
  }
  quant::check_affine({w.bits, w.group_size}, static_cast<size_t>(w.columns()));
  const Shape groups = {w.rows(), w.columns() / w.group_size};
  require_shape(w.scales, groups, "quantized", what);
  require_shape(w.biases, groups, "quantized", what);
  if (w.scales.dtype() != w.biases.dtype()) {
    fail(ErrorCode::invalid_argument, "[quantized] {}: scales are {} and biases {}", what,
         name(w.scales.dtype()), name(w.biases.dtype()));
  }
}

array dequantize(const AffineMatrix& w) {
  check_affine_matrix(w, "w");
  return make_array(
      dequantize_op, {contiguous(w.codes), contiguous(w.scales), contiguous(w.biases)},
      {w.rows(), w.columns()}, w.scales.dtype(), AffineAttributes{w.bits, w.group_size});
}

PanelArray pack_panels(const AffineMatrix& w) { return pack_panels(coded(w)); }

std::vector<array> quantized_matmul(const array& x, const std::vector<PanelArray>& w, bool exact) {
  require_float(x, "quantized_matmul", "x");
  if (w.empty()) fail(ErrorCode::invalid_argument, "[quantized_matmul] no weights given");
  std::vector<array> inputs = {contiguous(as_rows(x))};
  std::vector<OutputSpec> specs;
  QuantizedMatmulAttributes attributes;
  for (const PanelArray& one : w) {
    if (x.ndim() < 1 || x.shape(-1) != one.columns) {
      fail(ErrorCode::invalid_argument,
           "[quantized_matmul] x {} and weight ({}, {}) do not fit: the last axis of x must be {}",
           to_string(x.shape()), one.rows, one.columns, one.columns);
    }
    if (one.format.group_size != w[0].format.group_size) {
      fail(ErrorCode::invalid_argument,
           "[quantized_matmul] weights of group sizes {} and {} cannot share x; multiply by them "
           "one after the other",
           w[0].format.group_size, one.format.group_size);
    }
    inputs.push_back(one.panels);
    Shape shape = x.shape();
    shape.back() = one.rows;
    specs.push_back({shape, Dtype::f32});
    attributes.matrices.push_back(attributes_of(one, exact));
  }
  std::vector<array> products =
      make_arrays(quantized_matmul_op, std::move(inputs), std::move(specs), std::move(attributes));
  for (array& product : products) product = astype(product, x.dtype());
  return products;
}

array quantized_matmul(const array& x, const PanelArray& w, bool exact) {
  return quantized_matmul(x, std::vector<PanelArray>{w}, exact).front();
}

array quantized_embedding(const array& ids, const PanelArray& w) {
  if (!is_integer(ids.dtype())) {
    fail(ErrorCode::invalid_argument, "[quantized_embedding] ids must be integers, got {}",
         name(ids.dtype()));
  }
  Shape shape = ids.shape();
  shape.push_back(w.columns);
  return make_array(quantized_embedding_op, {contiguous(astype(ids, Dtype::i64)), w.panels}, shape,
                    Dtype::f32, attributes_of(w, true));
}

array quantized_matmul(const array& x, const array& codes, const array& scales, const array& biases,
                       bool transpose, int group_size, int bits) {
  require_float(x, "quantized_matmul", "x");
  check_affine_matrix({codes, scales, biases, bits, group_size}, "w");
  const Dtype dtype = promote(x.dtype(), scales.dtype());
  const AffineMatrix w{codes, astype(scales, dtype), astype(biases, dtype), bits, group_size};
  const int64_t inner = transpose ? w.columns() : w.rows();
  if (x.ndim() < 1 || x.shape(-1) != inner) {
    fail(ErrorCode::invalid_argument,
         "[quantized_matmul] x {} and weight ({}, {}){} do not fit: the last axis of x must be {}",
         to_string(x.shape()), w.rows(), w.columns(), transpose ? " transposed" : "", inner);
  }
  const array expanded = dequantize(w);
  return matmul(astype(x, dtype), transpose ? tarn::transpose(expanded) : expanded);
}

array quantized_embedding(const array& ids, const AffineMatrix& w) {
  check_affine_matrix(w, "w");
  if (!is_integer(ids.dtype())) {
    fail(ErrorCode::invalid_argument, "[quantized_embedding] ids must be integers, got {}",
         name(ids.dtype()));
  }
  const array rows = reshape(ids, {ids.size()});
  Shape shape = ids.shape();
  shape.push_back(w.columns());
  return reshape(dequantize({take(w.codes, rows, 0), take(w.scales, rows, 0),
                             take(w.biases, rows, 0), w.bits, w.group_size}),
                 shape);
}

}  // namespace tarn
