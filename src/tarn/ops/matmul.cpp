#include "tarn/ops/matmul.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/matmul_attributes.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

const Op matmul_op{.name = "matmul"};

// What the kernel converts while it reads.
bool reads_in_place(Dtype dtype) {
  return dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16;
}

Shape leading(const Shape& shape, int count) {
  Shape result;
  for (int i = 0; i < shape.rank() - count; ++i) result.push_back(shape[i]);
  return result;
}

array with_leading(const array& a, const Shape& batch) {
  Shape shape = batch;
  shape.push_back(a.shape(-2));
  shape.push_back(a.shape(-1));
  return broadcast_to(a, shape);
}

std::vector<array> compose_linear(const OpNode& node) {
  std::vector<array> products;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    products.push_back(matmul(node.inputs[0], transpose(node.inputs[i])));
  }
  return products;
}

const Op linear_op{.name = "linear", .compose = compose_linear};

void check_linear(const array& x, const array& weight) {
  if (x.ndim() == 0 || weight.ndim() != 2 || x.shape(-1) != weight.shape(1)) {
    fail(ErrorCode::invalid_argument,
         "[linear] x {} and weight {}: the weight must be [N, K] with K the last extent of x",
         to_string(x.shape()), to_string(weight.shape()));
  }
  if (!is_floating(x.dtype()) || !is_floating(weight.dtype())) {
    fail(ErrorCode::invalid_argument, "[linear] x is {} and weight {}: both must be floating",
         name(x.dtype()), name(weight.dtype()));
  }
}

// Products before bias and rounding: float32 (float64 when that is an operand's dtype).
std::vector<array> multiply_linear(const array& x, const std::vector<array>& weights, bool exact) {
  bool in_place = reads_in_place(x.dtype());
  for (const array& weight : weights) {
    in_place = in_place && reads_in_place(weight.dtype()) && weight.strides()[1] == 1 &&
               weight.strides()[0] >= weight.shape(1);
  }
  const array wide = reads_in_place(x.dtype()) ? astype(x, Dtype::f32) : x;
  if (!in_place) {
    std::vector<array> products;
    for (const array& weight : weights) products.push_back(matmul(wide, transpose(weight)));
    return products;
  }
  std::vector<array> inputs = {contiguous(wide)};
  std::vector<OutputSpec> specs;
  for (const array& weight : weights) {
    inputs.push_back(weight);
    Shape shape = leading(x.shape(), 1);
    shape.push_back(weight.shape(0));
    specs.push_back({shape, Dtype::f32});
  }
  return make_arrays(linear_op, std::move(inputs), std::move(specs), LinearAttributes{exact});
}

// Both operands with two dimensions or more.
array matmul_matrices(const array& a, const array& b, Dtype dtype) {
  // Rows of a row-major batch that share one right side are rows of one product.
  if (b.ndim() == 2 && a.ndim() > 2 && a.contiguous() && a.size() > 0) {
    Shape shape = leading(a.shape(), 1);
    shape.push_back(b.shape(1));
    return reshape(matmul_matrices(reshape(a, {-1, a.shape(-1)}), b, dtype), shape);
  }
  const Shape batch =
      broadcast_shapes(leading(a.shape(), 2), leading(b.shape(), 2), matmul_op.name);
  Shape shape = batch;
  shape.push_back(a.shape(-2));
  shape.push_back(b.shape(-1));
  return make_array(matmul_op, {with_leading(a, batch), with_leading(b, batch)}, shape, dtype);
}

}  // namespace

array matmul(const array& a, const array& b) {
  if (a.ndim() == 0 || b.ndim() == 0) {
    fail(ErrorCode::invalid_argument,
         "[matmul] shapes {} and {}: a scalar is no matrix; use multiply", to_string(a.shape()),
         to_string(b.shape()));
  }
  const int64_t rows_of_b = b.shape(b.ndim() == 1 ? 0 : -2);
  if (a.shape(-1) != rows_of_b) {
    fail(ErrorCode::invalid_argument,
         "[matmul] shapes {} and {}: the last extent {} of the first is not the {} rows of the "
         "second; transpose one of them",
         to_string(a.shape()), to_string(b.shape()), a.shape(-1), rows_of_b);
  }
  const Dtype dtype = promote(a.dtype(), b.dtype());
  if (dtype == Dtype::bool_) {
    fail(ErrorCode::invalid_argument, "[matmul] booleans do not add up; cast with astype");
  }
  const bool in_place = reads_in_place(a.dtype()) && reads_in_place(b.dtype());
  array left = in_place ? a : astype(a, dtype);
  array right = in_place ? b : astype(b, dtype);
  if (a.ndim() == 1) left = expand_dims(left, 0);
  if (b.ndim() == 1) right = expand_dims(right, 1);
  array result = matmul_matrices(left, right, dtype);
  if (b.ndim() == 1) result = squeeze(result, -1);
  if (a.ndim() == 1) result = squeeze(result, b.ndim() == 1 ? -1 : -2);
  return result;
}

array addmm(const array& c, const array& a, const array& b, float alpha, float beta) {
  const array product = matmul(a, b);
  const Shape shape = broadcast_shapes(c.shape(), product.shape(), "addmm");
  if (!(shape == product.shape())) {
    fail(ErrorCode::invalid_argument, "[addmm] c {} does not broadcast to the product {}",
         to_string(c.shape()), to_string(product.shape()));
  }
  const array scaled = alpha == 1 ? product : product * alpha;
  return scaled + (beta == 1 ? c : c * beta);
}

array linear(const array& x, const array& weight, const std::optional<array>& bias, bool exact) {
  check_linear(x, weight);
  if (bias && !(bias->shape() == Shape{weight.shape(0)})) {
    fail(ErrorCode::invalid_argument, "[linear] bias {} must be [{}], one for each row of weight",
         to_string(bias->shape()), weight.shape(0));
  }
  array product = multiply_linear(x, {weight}, exact).front();
  if (bias) product = product + astype(*bias, product.dtype());
  return astype(product, x.dtype());
}

std::vector<array> linear_together(const array& x, const std::vector<array>& weights, bool exact) {
  if (weights.empty()) fail(ErrorCode::invalid_argument, "[linear] no weights given");
  for (const array& weight : weights) check_linear(x, weight);
  std::vector<array> products = multiply_linear(x, weights, exact);
  for (array& product : products) product = astype(product, x.dtype());
  return products;
}

}  // namespace tarn
