#include "tarn/ops/norm.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/norm_attributes.h"
#include "tarn/ops/reduce.h"

namespace tarn {
namespace {

array mean_square_scale(const array& x, float eps, bool of_sum) {
  const array squares = of_sum ? sum(square(x), -1, true) : mean(square(x), -1, true);
  return rsqrt(squares + eps);
}

std::vector<array> compose_rms_norm(const OpNode& node) {
  const auto& a = node.attributes<NormAttributes>();
  const array& x = node.inputs[0];
  array y = x * mean_square_scale(x, a.eps, false);
  size_t next = 1;
  if (a.has_weight) y = y * (astype(node.inputs[next++], Dtype::f32) + a.weight_offset);
  if (a.has_gate) y = y * silu(node.inputs[next]);
  return {y};
}

std::vector<array> compose_layer_norm(const OpNode& node) {
  const auto& a = node.attributes<NormAttributes>();
  const array centred = node.inputs[0] - mean(node.inputs[0], -1, true);
  array y = centred * mean_square_scale(centred, a.eps, false);
  size_t next = 1;
  if (a.has_weight) y = y * astype(node.inputs[next++], Dtype::f32);
  if (a.has_bias) y = y + astype(node.inputs[next], Dtype::f32);
  return {y};
}

std::vector<array> compose_l2_norm(const OpNode& node) {
  const auto& a = node.attributes<NormAttributes>();
  const array& x = node.inputs[0];
  return {x * mean_square_scale(x, a.eps, true) * a.scale};
}

const Op rms_norm_op{.name = "rms_norm", .compose = compose_rms_norm, .reusable_input = 0};
const Op layer_norm_op{.name = "layer_norm", .compose = compose_layer_norm, .reusable_input = 0};
const Op l2_norm_op{.name = "l2_norm", .compose = compose_l2_norm, .reusable_input = 0};

void check_rows(const array& x, const char* op) {
  require_float(x, op, "x");
  if (x.ndim() < 1 || x.shape(-1) < 1) {
    fail(ErrorCode::invalid_argument, "[{}] x needs a last axis to normalize, got shape {}", op,
         to_string(x.shape()));
  }
}

void add_parameter(std::vector<array>& inputs, const std::optional<array>& parameter,
                   const char* op, const char* what) {
  if (!parameter) return;
  require_float(*parameter, op, what);
  require_shape(*parameter, {inputs[0].shape(-1)}, op, what);
  inputs.push_back(*parameter);
}

}  // namespace

array rms_norm(const array& x, const std::optional<array>& weight, const RmsNormOptions& options) {
  check_rows(x, "rms_norm");
  std::vector<array> inputs = {as_rows(x)};
  add_parameter(inputs, weight, "rms_norm", "weight");
  if (options.gate) {
    require_shape(*options.gate, x.shape(), "rms_norm", "gate");
    inputs.push_back(as_rows(*options.gate));
  }
  const NormAttributes attributes{.has_weight = weight.has_value(),
                                  .has_gate = options.gate.has_value(),
                                  .eps = options.eps,
                                  .weight_offset = options.weight_offset};
  return astype(make_array(rms_norm_op, std::move(inputs), x.shape(), Dtype::f32, attributes),
                x.dtype());
}

array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps) {
  check_rows(x, "layer_norm");
  std::vector<array> inputs = {as_rows(x)};
  add_parameter(inputs, weight, "layer_norm", "weight");
  add_parameter(inputs, bias, "layer_norm", "bias");
  if (weight && bias && weight->dtype() != bias->dtype()) {
    fail(ErrorCode::invalid_argument, "[layer_norm] weight is {} and bias {}; cast one",
         name(weight->dtype()), name(bias->dtype()));
  }
  const NormAttributes attributes{
      .has_weight = weight.has_value(), .has_bias = bias.has_value(), .eps = eps};
  return astype(make_array(layer_norm_op, std::move(inputs), x.shape(), Dtype::f32, attributes),
                x.dtype());
}

array l2_norm(const array& x, float eps, float scale) {
  check_rows(x, "l2_norm");
  const NormAttributes attributes{.eps = eps, .scale = scale};
  return astype(make_array(l2_norm_op, {as_rows(x)}, x.shape(), Dtype::f32, attributes), x.dtype());
}

}  // namespace tarn
