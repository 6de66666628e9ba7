// Parameters of operations with a state, for the units' kernels. The state is the first operand and
// the first output, so that it can stay in its buffer.
#pragma once

namespace tarn {

// Operands of causal_conv1d: state [B, W-1, C] where has_state, x, weight, bias where has_bias.
// Outputs: state, y.
struct ConvAttributes {
  bool has_state;
  bool has_bias;
  bool silu;
};

// Operands of gated_delta: state where has_state, q, k, v, g, beta. Outputs: state, y.
struct DeltaAttributes {
  bool has_state;
};

}  // namespace tarn
