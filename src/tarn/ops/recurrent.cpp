#include "tarn/ops/recurrent.h"

#include "tarn/base/error.h"
#include "tarn/core/op.h"
#include "tarn/ops/checks.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/recurrent_attributes.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

std::vector<array> compose_conv(const OpNode& node) {
  const auto& a = node.attributes<ConvAttributes>();
  const array& x = node.inputs[1];
  const array weight = astype(node.inputs[2], Dtype::f32);
  const int64_t width = weight.shape(0);
  const array joined = concatenate({node.inputs[0], x}, 1);
  array y = a.has_bias ? broadcast_to(astype(node.inputs[3], Dtype::f32), x.shape())
                       : zeros(x.shape(), Dtype::f32);
  for (int64_t j = 0; j < width; ++j) {
    y = y + slice(joined, 1, j, j + x.shape(1)) * squeeze(slice(weight, 0, j, j + 1), 0);
  }
  if (a.silu) y = silu(y);
  return {contiguous(slice(joined, 1, x.shape(1), x.shape(1) + width - 1)), y};
}

std::vector<array> compose_delta(const OpNode& node) {
  const std::vector<array>& in = node.inputs;
  const WithState result = gated_delta_stepwise(in[1], in[2], in[3], in[4], in[5], in[0]);
  return {result.state, result.output};
}

std::vector<array> compose_gates(const OpNode& node) {
  const std::vector<array>& in = node.inputs;
  const array a_log = astype(in[2], Dtype::f32);
  const array dt_bias = astype(in[3], Dtype::f32);
  return {negative(exp(a_log)) * softplus(in[0] + dt_bias), sigmoid(in[1])};
}

// The state of a call: the one handed on, checked, or zeros.
array state_or_zeros(const std::optional<array>& state, const Shape& shape, const char* op) {
  if (!state) return contiguous(zeros(shape, Dtype::f32));
  require_shape(*state, shape, op, "state");
  return contiguous(astype(*state, Dtype::f32));
}

const Op conv_op{.name = "causal_conv1d", .compose = compose_conv, .reusable_input = 0};
const Op delta_op{.name = "gated_delta", .compose = compose_delta, .reusable_input = 0};
const Op gates_op{.name = "delta_gates", .compose = compose_gates};

}  // namespace

WithState causal_conv1d(const array& x, const array& weight, const std::optional<array>& bias,
                        const std::optional<array>& state, bool silu) {
  constexpr const char* op = "causal_conv1d";
  require_float(x, op, "x");
  require_rank(x, 3, op, "x");
  require_float(weight, op, "weight");
  require_rank(weight, 2, op, "weight");
  const int64_t width = weight.shape(1);
  require_shape(weight, {x.shape(2), width}, op, "weight");
  if (width < 2 || width > 8) {
    fail(ErrorCode::invalid_argument, "[{}] weight has {} taps; 2 to 8 are supported", op, width);
  }
  const Shape state_shape = {x.shape(0), width - 1, x.shape(2)};
  std::vector<array> inputs = {state_or_zeros(state, state_shape, op)};
  inputs.push_back(as_rows(x));
  inputs.push_back(contiguous(swapaxes(weight, 0, 1)));  // as kernels read it
  if (bias) {
    require_shape(*bias, {x.shape(2)}, op, "bias");
    inputs.push_back(contiguous(astype(*bias, weight.dtype())));
  }
  const std::vector<array> out =
      make_arrays(conv_op, std::move(inputs), {{state_shape, Dtype::f32}, {x.shape(), Dtype::f32}},
                  ConvAttributes{bias.has_value(), silu});
  return {astype(out[1], x.dtype()), out[0]};
}

DeltaGates delta_gates(const array& a, const array& b, const array& a_log, const array& dt_bias) {
  constexpr const char* op = "delta_gates";
  require_rank(a, 3, op, "a");
  require_shape(b, a.shape(), op, "b");
  require_shape(a_log, {a.shape(2)}, op, "a_log");
  require_shape(dt_bias, {a.shape(2)}, op, "dt_bias");
  const std::vector<array> out = make_arrays(
      gates_op,
      {as_rows(a), as_rows(b), contiguous(a_log), contiguous(astype(dt_bias, a_log.dtype()))},
      {{a.shape(), Dtype::f32}, {a.shape(), Dtype::f32}});
  return {out[0], out[1]};
}

WithState gated_delta(const array& q, const array& k, const array& v, const array& g,
                      const array& beta, const std::optional<array>& state) {
  constexpr const char* op = "gated_delta";
  require_rank(q, 4, op, "q");
  require_rank(v, 4, op, "v");
  require_shape(k, q.shape(), op, "k");
  const int64_t key_heads = q.shape(2);
  const int64_t value_heads = v.shape(2);
  if (q.shape(0) != v.shape(0) || q.shape(1) != v.shape(1) || key_heads < 1 ||
      value_heads % key_heads != 0) {
    fail(ErrorCode::invalid_argument, "[{}] shapes do not fit: q {}, v {}", op,
         to_string(q.shape()), to_string(v.shape()));
  }
  const Shape gates = {v.shape(0), v.shape(1), value_heads};
  require_shape(g, gates, op, "g");
  require_shape(beta, gates, op, "beta");
  const Shape state_shape = {v.shape(0), value_heads, q.shape(3), v.shape(3)};
  std::vector<array> inputs = {state_or_zeros(state, state_shape, op)};
  for (const array& operand : {q, k, v, g, beta}) inputs.push_back(as_rows(operand));
  const std::vector<array> out = make_arrays(delta_op, std::move(inputs),
                                             {{state_shape, Dtype::f32}, {v.shape(), Dtype::f32}});
  return {astype(out[1], v.dtype()), out[0]};
}

}  // namespace tarn
