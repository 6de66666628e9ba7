// Operations that carry a state along the sequence: what gated delta nets are made of. Cutting a
// sequence into several calls that hand the state on gives the same bits as one call.
#pragma once

#include <optional>

#include "tarn/core/array.h"

namespace tarn {

struct WithState {
  array output;
  array state;  // for the next call; takes over the old one's buffer when nobody else holds it
};

// Causal depthwise convolution over time: y[t, c] = bias[c] + sum_j weight[c, j] * x[t - W + 1 + j,
// c]. x [B, T, C]; weight [C, W], 2 <= W <= 8, any float dtype; bias [C] of the same; state [B,
// W-1, C] float32, the inputs before the first (zeros where absent). With `silu` the output is
// passed through it.
WithState causal_conv1d(const array& x, const array& weight, const std::optional<array>& bias,
                        const std::optional<array>& state, bool silu);

struct DeltaGates {
  array g;     // [B, T, H], log of the decay: -exp(a_log) * softplus(a + dt_bias)
  array beta;  // [B, T, H]: sigmoid(b)
};

// a, b [B, T, H]; a_log, dt_bias [H]. All results float32.
DeltaGates delta_gates(const array& a, const array& b, const array& a_log, const array& dt_bias);

// The gated delta rule (https://arxiv.org/abs/2412.06464), for each value head with state S [Dk,
// Dv]:
//   S = exp(g_t) S;  S = S + k_t (beta_t (v_t - S^T k_t))^T;  o_t = S^T q_t
// q, k [B, T, Hk, Dk]; v [B, T, Hv, Dv], Hk divides Hv and value head h uses key head h / (Hv /
// Hk); g, beta [B, T, Hv]; state [B, Hv, Dk, Dv] float32 (zeros where absent). Output [B, T, Hv,
// Dv].
WithState gated_delta(const array& q, const array& k, const array& v, const array& g,
                      const array& beta, const std::optional<array>& state);

// The same in plain operations, token by token, and in chunks as matrix products (the WY form of
// the paper's section 3): what the kernel is tested against.
WithState gated_delta_stepwise(const array& q, const array& k, const array& v, const array& g,
                               const array& beta, const std::optional<array>& state);
WithState gated_delta_chunked(const array& q, const array& k, const array& v, const array& g,
                              const array& beta, const std::optional<array>& state,
                              int64_t chunk = 64);

}  // namespace tarn
