// Parameters of operations with a state, for the units' kernels. The state is the first operand and
// the first output, so that it can stay in its buffer.
#pragma once

namespace tarn {

// Operands of causal_conv1d: state [B, W-1, C], x, weight, bias where has_bias. Outputs: state, y.
// Operands of gated_delta (no parameters): state, q, k, v, g, beta. Outputs: state, y.
struct ConvAttributes {
  bool has_bias;
  bool silu;
};

}  // namespace tarn
