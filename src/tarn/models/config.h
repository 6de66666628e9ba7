// A model's config.json as plain data: both spellings (transformers 4 and 5), defaults filled in as
// transformers fills them, every value checked. After parsing, no field needs another range check.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tarn/io/storage_type.h"
#include "tarn/models/rope_scaling.h"
#include "tarn/quant/format.h"

namespace tarn {

enum class ModelFamily : uint8_t { llama, mistral, qwen2, qwen3, qwen3_5 };

enum class LayerType : uint8_t { full_attention, sliding_attention, linear_attention };

enum class Activation : uint8_t { silu, gelu, gelu_tanh, relu };

// The gated delta net layers of qwen3_5.
struct LinearAttentionConfig {
  int64_t num_key_heads = 0;
  int64_t num_value_heads = 0;  // a multiple of num_key_heads
  int64_t key_head_dim = 0;
  int64_t value_head_dim = 0;
  // Which key head serves value head h: h / (value heads / key heads), or, as in GGUF files, h
  // modulo the key heads.
  bool tiled_value_heads = false;
  int64_t conv_kernel = 0;  // taps of the causal convolution over q, k, v

  bool operator==(const LinearAttentionConfig&) const = default;
};

// MLX's "quantization", which has more modes here. Module paths have no ".weight":
// "model.layers.0.mlp.down_proj".
struct QuantizationConfig {
  quant::Format format;
  std::map<std::string, std::optional<quant::Format>> overrides;  // nullopt: not quantized

  // nullopt: this module is not quantized. A module without scales in the checkpoint is not either.
  std::optional<quant::Format> of(const std::string& module) const;
  bool operator==(const QuantizationConfig&) const = default;
};

// Ids of the tokens that stand for images and videos in a prompt.
struct VisionTokens {
  int64_t image = 0;
  int64_t video = 0;
  int64_t start = 0;
  int64_t end = 0;

  bool operator==(const VisionTokens&) const = default;
};

struct ModelConfig {
  ModelFamily family = ModelFamily::llama;
  std::string model_type;  // as the file says it: "qwen3_5_text"
  std::vector<std::string> architectures;

  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;  // divides num_attention_heads
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 0;
  Activation hidden_act = Activation::silu;
  double rms_norm_eps = 0.0;
  bool tie_word_embeddings = false;

  bool qkv_bias = false;  // of q_proj, k_proj, v_proj
  bool o_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;           // RMS norm over each head of q and k
  bool attn_output_gate = false;  // q_proj also yields a gate: twice the width

  std::vector<LayerType> layer_types;     // one a layer
  std::optional<int64_t> sliding_window;  // set if a layer is sliding_attention: positions seen,
                                          // the token's own among them
  RopeConfig rope;                        // of full_attention layers
  RopeConfig sliding_rope;                // of sliding_attention layers
  std::optional<LinearAttentionConfig> linear_attention;
  int64_t mtp_num_hidden_layers = 0;  // extra "mtp." layers for speculation in the checkpoint

  std::vector<int64_t> eos_token_ids;
  std::optional<int64_t> bos_token_id;
  std::optional<int64_t> pad_token_id;
  std::optional<VisionTokens> vision_tokens;  // set if the model has a vision tower

  std::optional<QuantizationConfig> quantization;
  std::optional<StorageType> dtype;  // of the weights, as the file says it

  std::vector<std::string> warnings;  // what the user should know; the loader prints it

  bool operator==(const ModelConfig&) const = default;
};

std::string_view model_family_name(ModelFamily family);
std::string_view layer_type_name(LayerType type);

// `source` opens every error message. corrupt: not JSON, a value of the wrong type or out of range,
// values that contradict each other; the message names the key. unsupported: a family, layer type,
// activation, rope type or quantization that Tarn does not run.
ModelConfig parse_model_config(std::string_view text, std::string_view source);

// `path`: a config.json or the folder that holds it.
ModelConfig load_model_config(const std::filesystem::path& path);

}  // namespace tarn
