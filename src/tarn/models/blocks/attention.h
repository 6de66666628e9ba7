// Grouped-query self-attention with rotary embedding: the attention of llama and its kin.
#pragma once

#include <optional>
#include <string>

#include "tarn/models/blocks/linear.h"
#include "tarn/models/blocks/norm.h"
#include "tarn/models/blocks/rope.h"
#include "tarn/models/blocks/sequences.h"
#include "tarn/models/cache.h"

namespace tarn::blocks {

class Attention {
 public:
  // Follows config: qkv_bias, o_bias, qk_norm, attn_output_gate; `layer` decides full or sliding.
  Attention(const Builder& builder, const std::string& module, size_t layer,
            float norm_weight_offset = 0.0F);

  // x and the result [1, T, hidden]; the caches of layer `layer` are used.
  array operator()(const array& x, const Sequences& sequences, size_t layer) const;

 private:
  int64_t num_heads_;
  int64_t num_kv_heads_;
  int64_t head_dim_;
  int64_t window_;
  bool output_gate_;
  Rope rope_;
  Linear q_proj_;
  Linear k_proj_;
  Linear v_proj_;
  Linear o_proj_;
  std::optional<RmsNorm> q_norm_;
  std::optional<RmsNorm> k_norm_;
};

}  // namespace tarn::blocks
