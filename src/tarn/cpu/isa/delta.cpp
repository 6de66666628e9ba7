#include "tarn/cpu/isa/delta.h"

#include <cmath>

#include "tarn/cpu/isa/load.h"

namespace tarn::cpu {
namespace {

void gated_delta_column(const GatedDeltaArgs& args, int64_t head, int64_t column) {
  const int64_t key_head = head / (args.value_heads / args.key_heads);
  float* const state = args.state + head * args.dk * args.dv + column;  // stride Dv
  for (int64_t t = 0; t < args.t; ++t) {
    const float* q = args.q + t * args.q_token_stride + key_head * args.q_head_stride;
    const float* k = args.k + t * args.k_token_stride + key_head * args.k_head_stride;
    const float v = args.v[t * args.v_token_stride + head * args.v_head_stride + column];
    const float decay = std::exp(args.g[t * args.g_token_stride + head]);
    const float beta = args.beta[t * args.beta_token_stride + head];
    float answer = 0.F;
    for (int64_t i = 0; i < args.dk; ++i) answer += state[i * args.dv] * k[i];
    const float error = (v - decay * answer) * beta;
    float read = 0.F;
    for (int64_t i = 0; i < args.dk; ++i) {
      state[i * args.dv] = decay * state[i * args.dv] + k[i] * error;
      read += state[i * args.dv] * q[i];
    }
    args.out[t * args.out_token_stride + head * args.out_head_stride + column] = read;
  }
}

void gated_delta(const GatedDeltaArgs& args, int64_t item0, int64_t item1, void* /*scratch*/) {
  const int64_t blocks = delta_items(args) / args.value_heads;
  for (int64_t item = item0; item < item1; ++item) {
    const int64_t begin = item % blocks * delta_column_block;
    const int64_t end = begin + delta_column_block < args.dv ? begin + delta_column_block : args.dv;
    for (int64_t column = begin; column < end; ++column)
      gated_delta_column(args, item / blocks, column);
  }
}

void gates(const DeltaGateArgs& args, int64_t t0, int64_t t1) {
  for (int64_t t = t0; t < t1; ++t) {
    for (int64_t h = 0; h < args.heads; ++h) {
      const float rate = std::exp(load_float(args.a_log, args.param_type, h));
      const float dt = args.a[t * args.lda + h] + load_float(args.dt_bias, args.param_type, h);
      const float softplus = std::fmax(dt, 0.F) + std::log1p(std::exp(-std::fabs(dt)));
      args.g[t * args.heads + h] = -rate * softplus;
      args.beta[t * args.heads + h] = 1.F / (1.F + std::exp(-args.b[t * args.ldb + h]));
    }
  }
}

}  // namespace

const DeltaKernels detail::delta_portable = {.gated_delta = gated_delta, .gates = gates};

TARN_DEFINE_KERNEL_TABLES(DeltaKernels, delta)

}  // namespace tarn::cpu
