// The gated delta rule in plain operations: token by token, and in chunks as matrix products.
#include <algorithm>

#include "tarn/base/error.h"
#include "tarn/ops/creation.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/matmul.h"
#include "tarn/ops/recurrent.h"
#include "tarn/ops/reduce.h"
#include "tarn/ops/scan.h"
#include "tarn/ops/shape.h"

namespace tarn {
namespace {

// [B, T, H, ...] -> [B, Hv, T, ...], key heads repeated for their value heads.
array heads_first(const array& x, int64_t value_heads) {
  const array floats = astype(x, Dtype::f32);
  return swapaxes(repeat(floats, value_heads / x.shape(2), 2), 1, 2);
}

array initial_state(const std::optional<array>& state, const array& q, const array& v) {
  return state ? *state : zeros({v.shape(0), v.shape(2), q.shape(3), v.shape(3)}, Dtype::f32);
}

}  // namespace

WithState gated_delta_stepwise(const array& q, const array& k, const array& v, const array& g,
                               const array& beta, const std::optional<array>& state) {
  const int64_t heads = v.shape(2);
  const array keys = heads_first(k, heads);     // [B, H, T, Dk]
  const array queries = heads_first(q, heads);  // [B, H, T, Dk]
  const array values = heads_first(v, heads);   // [B, H, T, Dv]
  const array decay = exp(swapaxes(g, 1, 2));   // [B, H, T]
  const array rate = swapaxes(beta, 1, 2);
  array s = initial_state(state, q, v);  // [B, H, Dk, Dv]
  std::vector<array> outputs;
  for (int64_t t = 0; t < q.shape(1); ++t) {
    const array kt = slice(keys, 2, t, t + 1);                   // [B, H, 1, Dk]
    const array at = expand_dims(slice(decay, 2, t, t + 1), 3);  // [B, H, 1, 1]
    const array bt = expand_dims(slice(rate, 2, t, t + 1), 3);
    s = s * at;
    const array error = (slice(values, 2, t, t + 1) - matmul(kt, s)) * bt;  // [B, H, 1, Dv]
    s = s + matmul(swapaxes(kt, 2, 3), error);
    outputs.push_back(matmul(slice(queries, 2, t, t + 1), s));
  }
  return {contiguous(swapaxes(concatenate(outputs, 2), 1, 2)), s};
}

// Within a chunk, with c_t = g_1 + ... + g_t the log of the decay since its start, the state before
// token t is  exp(c_t) S_0 + sum_{s < t} exp(c_t - c_s) k_s u_s^T,  where the corrections u solve
// the unit lower triangular system  u_t + beta_t sum_{s < t} exp(c_t - c_s) (k_t . k_s) u_s =
// beta_t (v_t - exp(c_t) S_0^T k_t): one inverse a chunk, the rest are products.
WithState gated_delta_chunked(const array& q, const array& k, const array& v, const array& g,
                              const array& beta, const std::optional<array>& state, int64_t chunk) {
  if (chunk < 1) fail(ErrorCode::invalid_argument, "[gated_delta_chunked] chunk {}", chunk);
  const int64_t heads = v.shape(2);
  const array keys = heads_first(k, heads);
  const array queries = heads_first(q, heads);
  const array values = heads_first(v, heads);
  const array log_decay = swapaxes(g, 1, 2);
  const array rate = swapaxes(beta, 1, 2);
  array s = initial_state(state, q, v);
  std::vector<array> outputs;
  for (int64_t begin = 0; begin < q.shape(1); begin += chunk) {
    const int64_t end = std::min(begin + chunk, q.shape(1));
    const int64_t n = end - begin;
    const array kc = slice(keys, 2, begin, end);  // [B, H, n, Dk]
    const array qc = slice(queries, 2, begin, end);
    const array bc = expand_dims(slice(rate, 2, begin, end), 3);             // [B, H, n, 1]
    const array c = cumsum(contiguous(slice(log_decay, 2, begin, end)), 2);  // [B, H, n]
    const array decay = exp(expand_dims(c, 3));                              // since the start
    // exp(c_t - c_s) for s <= t; the clip keeps what is masked out finite.
    const array between =
        exp(minimum(expand_dims(c, 3) - expand_dims(c, 2), array(0.0F))) * tri(n, n);
    const array lower = matmul(kc, swapaxes(kc, 2, 3)) * bc * between * tri(n, n, -1);
    // (I + L)^-1 = (I - L)(I + L^2)(I + L^4)...: L is nilpotent.
    array inverse = eye(n, n) - lower;
    array power = lower;
    for (int64_t reach = 2; reach < n; reach *= 2) {
      power = matmul(power, power);
      inverse = inverse + matmul(inverse, power);
    }
    const array target = (slice(values, 2, begin, end) - matmul(kc, s) * decay) * bc;
    const array u = matmul(inverse, target);  // [B, H, n, Dv]
    outputs.push_back(matmul(qc, s) * decay + matmul(matmul(qc, swapaxes(kc, 2, 3)) * between, u));
    const array last = slice(c, 2, n - 1, n);  // [B, H, 1]
    const array to_end = exp(expand_dims(last - c, 3));
    s = s * exp(expand_dims(last, 3)) + matmul(swapaxes(kc * to_end, 2, 3), u);
  }
  return {contiguous(swapaxes(concatenate(outputs, 2), 1, 2)), s};
}

}  // namespace tarn
