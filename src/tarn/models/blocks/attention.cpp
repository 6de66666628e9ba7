#include "tarn/models/blocks/attention.h"

#include <cmath>

#include "tarn/ops/attention.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/shape.h"

namespace tarn::blocks {
namespace {

bool is_sliding(const ModelConfig& config, size_t layer) {
  return config.layer_types[layer] == LayerType::sliding_attention;
}

}  // namespace

Attention::Attention(const Builder& builder, const std::string& module, size_t layer,
                     float norm_weight_offset)
    : num_heads_(builder.config.num_attention_heads),
      num_kv_heads_(builder.config.num_key_value_heads),
      head_dim_(builder.config.head_dim),
      window_(is_sliding(builder.config, layer) ? builder.config.sliding_window.value_or(0) : 0),
      output_gate_(builder.config.attn_output_gate),
      rope_(is_sliding(builder.config, layer) ? builder.config.sliding_rope : builder.config.rope,
            head_dim_, builder.config.max_position_embeddings),
      q_proj_(builder, module + ".q_proj", num_heads_ * head_dim_ * (output_gate_ ? 2 : 1),
              builder.config.hidden_size, builder.config.qkv_bias),
      k_proj_(builder, module + ".k_proj", num_kv_heads_ * head_dim_, builder.config.hidden_size,
              builder.config.qkv_bias),
      v_proj_(builder, module + ".v_proj", num_kv_heads_ * head_dim_, builder.config.hidden_size,
              builder.config.qkv_bias),
      o_proj_(builder, module + ".o_proj", builder.config.hidden_size, num_heads_ * head_dim_,
              builder.config.o_bias) {
  if (builder.config.qk_norm) {
    q_norm_.emplace(builder, module + ".q_norm", head_dim_, norm_weight_offset);
    k_norm_.emplace(builder, module + ".k_norm", head_dim_, norm_weight_offset);
  }
}

array Attention::operator()(const array& x, KvCache& cache, const Positions& positions) const {
  const int64_t batch = x.shape(0);
  const int64_t tokens = x.shape(1);
  const auto split_heads = [&](const array& a, int64_t count) {
    return reshape(a, {batch, tokens, count, -1});  // [B, T, H, D]
  };
  const std::vector<array> qkv = Linear::together(x, {&q_proj_, &k_proj_, &v_proj_});
  array q = split_heads(qkv[0], num_heads_);
  std::optional<array> gate;
  if (output_gate_) {  // each head's projection holds its query and its gate
    gate = slice(q, 3, head_dim_, 2 * head_dim_);
    q = slice(q, 3, 0, head_dim_);
  }
  array k = split_heads(qkv[1], num_kv_heads_);
  const array v = split_heads(qkv[2], num_kv_heads_);
  if (q_norm_) q = (*q_norm_)(q);
  if (k_norm_) k = (*k_norm_)(k);

  // [B, H, T, D] from here
  q = rope_(swapaxes(q, 1, 2), positions.first, positions.length);
  k = rope_(swapaxes(k, 1, 2), positions.first, positions.length);
  const KeysAndValues seen = cache.append(k, swapaxes(v, 1, 2), positions.first);
  const AttentionOptions options{.scale = 1.0F / std::sqrt(static_cast<float>(head_dim_)),
                                 .causal = true,
                                 .window = window_,
                                 .kv_type = cache.type(),
                                 .key_offset = seen.offset,
                                 .position = positions.first};
  array y = swapaxes(scaled_dot_product_attention(q, seen.keys, seen.values, options), 1, 2);
  if (gate) y = y * sigmoid(*gate);
  return o_proj_(reshape(y, {batch, tokens, num_heads_ * head_dim_}));
}

}  // namespace tarn::blocks
