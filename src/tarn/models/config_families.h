// What a family's configuration class assumes for keys that config.json leaves out, and what the
// family's architecture fixes. The one place for both; the numbers are those of transformers 5.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tarn/models/config.h"

namespace tarn {

enum class BiasRule : uint8_t {
  never,
  by_key,    // "attention_bias" or "mlp_bias" decides
  qkv_only,  // always on q, k, v and never on the output projection
};

enum class WindowRule : uint8_t {
  never,
  every_layer,  // "sliding_window", unless null
  upper_layers  // with "use_sliding_window": layers from "max_window_layers" on, or "layer_types"
};

struct FamilyTraits {
  ModelFamily family;
  std::string_view name;
  std::string_view architecture;     // class name, for files without model_type
  std::string_view text_model_type;  // another model_type of the same family, or ""

  int64_t vocab_size;
  int64_t hidden_size;
  int64_t intermediate_size;
  int64_t num_hidden_layers;
  int64_t num_attention_heads;
  int64_t num_key_value_heads;  // 0: num_attention_heads
  int64_t head_dim;             // 0: hidden_size / num_attention_heads
  int64_t max_position_embeddings;
  std::optional<int64_t> bos_token_id;
  std::optional<int64_t> eos_token_id;
  double partial_rotary_factor;

  BiasRule attention_bias;
  BiasRule mlp_bias;
  WindowRule window;
  bool qk_norm;
  bool attn_output_gate;
  bool linear_attention;  // gated delta net layers, every fourth is full attention
};

// Shared by all families: rms_norm_eps, rope_theta, sliding_window, max_window_layers.
inline constexpr double kDefaultRmsNormEps = 1e-6;
inline constexpr double kDefaultRopeTheta = 10000.0;
inline constexpr int64_t kDefaultSlidingWindow = 4096;
inline constexpr int64_t kDefaultMaxWindowLayers = 28;
inline constexpr int64_t kDefaultFullAttentionInterval = 4;
inline constexpr int64_t kDefaultMropeSection[] = {11, 11, 10};
inline constexpr LinearAttentionConfig kDefaultLinearAttention{.num_key_heads = 16,
                                                               .num_value_heads = 32,
                                                               .key_head_dim = 128,
                                                               .value_head_dim = 128,
                                                               .conv_kernel = 4};
inline constexpr VisionTokens kDefaultVisionTokens{
    .image = 248056, .video = 248057, .start = 248053, .end = 248054};

std::span<const FamilyTraits> model_families();

}  // namespace tarn
