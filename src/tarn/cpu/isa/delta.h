// The gated delta rule (https://arxiv.org/abs/2412.06464), token by token, as Qwen3-Next uses it.
//
// For each value head with state S [Dk, Dv]:
//   a = exp(g_t);  e = (v_t - a * S^T k_t) * beta_t;  S = a * S + k_t e^T;  o_t = S^T q_t
// which is decay, then a correction of what the memory answers to k_t towards v_t, then the read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tarn/cpu/isa/float_type.h"
#include "tarn/cpu/isa/kernel_table.h"

namespace tarn::cpu {

// Strides are in elements; the last dimension is contiguous. Value head h uses key head
// h / (value_heads / key_heads). q and k are used as they are: the caller normalises and scales
// (NormKernels::l2_norm with scale Dk^-0.5 for q).
struct GatedDeltaArgs {
  const float* q;  // [T, key_heads, Dk]
  int64_t q_token_stride, q_head_stride;
  const float* k;  // [T, key_heads, Dk]
  int64_t k_token_stride, k_head_stride;
  const float* v;  // [T, value_heads, Dv]
  int64_t v_token_stride, v_head_stride;
  const float* g;  // [T, value_heads], log of the decay, <= 0
  int64_t g_token_stride;
  const float* beta;  // [T, value_heads]
  int64_t beta_token_stride;
  float* out;  // [T, value_heads, Dv]; must not overlap an input
  int64_t out_token_stride, out_head_stride;
  float* state;  // [value_heads, Dk, Dv] contiguous, in and out
  int64_t t, key_heads, value_heads, dk, dv;
};

// The gates' inputs come from one projection each; A_log and dt_bias are parameters.
struct DeltaGateArgs {
  const float* a;  // [T, H], row stride lda
  int64_t lda;
  const float* b;  // [T, H], row stride ldb
  int64_t ldb;
  const void* a_log;    // [H] of param_type
  const void* dt_bias;  // [H] of param_type
  FloatType param_type;
  float* g;     // [T, H] contiguous: -exp(A_log) * softplus(a + dt_bias)
  float* beta;  // [T, H] contiguous: sigmoid(b)
  int64_t heads;
};

constexpr int64_t delta_column_block = 32;

struct DeltaKernels {
  // Items [item0, item1) of delta_items(args): (value head, block of value columns). All T tokens
  // run through the block's state before the next; a cut of the sequence leaves every bit as it is.
  // scratch: delta_scratch_bytes(args), 64-byte aligned, one for each thread.
  void (*gated_delta)(const GatedDeltaArgs& args, int64_t item0, int64_t item1, void* scratch);
  // Rows (tokens) [t0, t1).
  void (*gates)(const DeltaGateArgs& args, int64_t t0, int64_t t1);
};

constexpr int64_t delta_items(const GatedDeltaArgs& args) {
  return args.value_heads * ((args.dv + delta_column_block - 1) / delta_column_block);
}

constexpr size_t delta_scratch_bytes(const GatedDeltaArgs& args) {
  return static_cast<size_t>(args.dk * delta_column_block) * sizeof(float);
}

TARN_DECLARE_KERNEL_TABLES(DeltaKernels, delta);

}  // namespace tarn::cpu
