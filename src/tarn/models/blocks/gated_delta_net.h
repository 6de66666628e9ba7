// The linear-attention layer of Qwen3-Next and Qwen3.5: short convolution, gated delta rule, gated
// norm (https://arxiv.org/abs/2412.06464).
#pragma once

#include <string>

#include "tarn/models/blocks/linear.h"
#include "tarn/models/blocks/norm.h"
#include "tarn/models/blocks/sequences.h"

namespace tarn::blocks {

class GatedDeltaNet {
 public:
  GatedDeltaNet(const Builder& builder, const std::string& module);

  // x and the result [1, T, hidden]; the caches of layer `layer` are used.
  array operator()(const array& x, const Sequences& sequences, size_t layer) const;

 private:
  LinearAttentionConfig dims_;
  int64_t key_width_;    // num_key_heads * key_head_dim
  int64_t value_width_;  // num_value_heads * value_head_dim
  Linear in_proj_qkv_;
  Linear in_proj_z_;
  Linear in_proj_b_;
  Linear in_proj_a_;
  Linear out_proj_;
  array conv_weight_;  // [2 * key_width + value_width, taps]
  array a_log_;        // [num_value_heads]
  array dt_bias_;
  RmsNorm norm_;
};

// Whether the checkpoint was rewritten by MLX: its convolutions are [channels, taps, 1] and the
// weights of its zero-centred norms have had one added.
bool has_mlx_layout(Weights& weights, const std::string& conv_name);

}  // namespace tarn::blocks
