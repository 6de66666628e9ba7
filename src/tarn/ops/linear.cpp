#include "tarn/ops/linear.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/index.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

std::vector<array> compose_linear(const OpNode& node) {
  return {matmul(node.inputs[0], transpose(astype(node.inputs[1], Dtype::f32)))};
}

std::vector<array> compose_embedding(const OpNode& node) {
  return {astype(take(node.inputs[1], node.inputs[0], 0), Dtype::f32)};
}

const Op linear_op{.name = "linear", .compose = compose_linear};
const Op embedding_op{.name = "embedding", .compose = compose_embedding};

}  // namespace

array linear(const array& x, const array& weight, const std::optional<array>& bias) {
  require_float(x, "linear", "x");
  require_float(weight, "linear", "weight");
  require_rank(weight, 2, "linear", "weight");
  if (x.ndim() < 1 || x.shape(-1) != weight.shape(1)) {
    fail(ErrorCode::invalid_argument,
         "[linear] x {} and weight {} do not fit: the last axis of x must be {}",
         to_string(x.shape()), to_string(weight.shape()), weight.shape(1));
  }
  Shape shape = x.shape();
  shape.back() = weight.shape(0);
  const bool dense = weight.strides()[1] == 1 || weight.shape(1) == 1;
  array y =
      make_array(linear_op, {as_rows(x), dense ? weight : contiguous(weight)}, shape, Dtype::f32);
  if (bias) {
    require_shape(*bias, {weight.shape(0)}, "linear", "bias");
    y = y + astype(*bias, Dtype::f32);
  }
  return astype(y, x.dtype());
}

array embedding(const array& ids, const array& weight) {
  require_float(weight, "embedding", "weight");
  require_rank(weight, 2, "embedding", "weight");
  if (!is_integer(ids.dtype())) {
    fail(ErrorCode::invalid_argument, "[embedding] ids must be integers, got {}",
         name(ids.dtype()));
  }
  Shape shape = ids.shape();
  shape.push_back(weight.shape(1));
  return make_array(embedding_op, {contiguous(astype(ids, Dtype::i64)), contiguous(weight)}, shape,
                    Dtype::f32);
}

}  // namespace tarn
