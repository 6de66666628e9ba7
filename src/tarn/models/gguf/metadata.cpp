#include "tarn/models/gguf/metadata.h"

#include <algorithm>
#include <cmath>

#include "tarn/base/error.h"
#include "tarn/models/gguf/names.h"

namespace tarn::gguf {
namespace {

uint32_t u32(int64_t value) {
  return static_cast<uint32_t>(std::clamp<int64_t>(value, 0, UINT32_MAX));
}

void add_rope(const ModelConfig& config, const std::string& prefix, GgufMetadata& metadata) {
  const RopeConfig& rope = config.rope;
  metadata.add_f32(prefix + "rope.freq_base", static_cast<float>(rope.theta));
  metadata.add_u32(prefix + "rope.dimension_count", u32(rotary_dim(rope, config.head_dim)));
  if (!rope.mrope_section.empty() && config.family == ModelFamily::qwen3_5) {
    std::vector<int32_t> sections(rope.mrope_section.begin(), rope.mrope_section.end());
    sections.resize(4);
    metadata.add_i32s(prefix + "rope.dimension_sections", sections);
  }
  const bool stretched = rope.type == RopeType::linear || rope.type == RopeType::yarn;
  if (stretched) {
    metadata.add_string(prefix + "rope.scaling.type",
                        rope.type == RopeType::linear ? "linear" : "yarn");
    metadata.add_f32(prefix + "rope.scaling.factor", static_cast<float>(rope.factor.value_or(1)));
  }
  if (rope.type == RopeType::yarn) {
    metadata.add_u32(prefix + "rope.scaling.original_context_length",
                     u32(rope.original_max_position_embeddings));
  }
  if (rope.type == RopeType::dynamic || rope.type == RopeType::longrope) {
    fail(ErrorCode::unsupported,
         "rope scaling of type {} cannot be written to a GGUF file; convert the model with "
         "llama.cpp's script",
         rope_type_name(rope.type));
  }
}

}  // namespace

void add_model(const ModelConfig& config, const std::string& name, uint32_t file_type,
               GgufMetadata& metadata) {
  const std::string architecture(architecture_of(config.family));
  const std::string prefix = architecture + ".";
  metadata.add_string("general.architecture", architecture);
  metadata.add_string("general.type", "model");
  metadata.add_string("general.name", name);
  metadata.add_u32("general.quantization_version", 2);
  metadata.add_u32("general.file_type", file_type);
  metadata.add_u32(prefix + "vocab_size", u32(config.vocab_size));
  metadata.add_u32(prefix + "context_length", u32(config.max_position_embeddings));
  metadata.add_u32(prefix + "embedding_length", u32(config.hidden_size));
  metadata.add_u32(prefix + "block_count", u32(config.num_hidden_layers));
  metadata.add_u32(prefix + "feed_forward_length", u32(config.intermediate_size));
  metadata.add_u32(prefix + "attention.head_count", u32(config.num_attention_heads));
  metadata.add_u32(prefix + "attention.head_count_kv", u32(config.num_key_value_heads));
  metadata.add_u32(prefix + "attention.key_length", u32(config.head_dim));
  metadata.add_u32(prefix + "attention.value_length", u32(config.head_dim));
  metadata.add_f32(prefix + "attention.layer_norm_rms_epsilon",
                   static_cast<float>(config.rms_norm_eps));
  if (config.sliding_window) {
    metadata.add_u32(prefix + "attention.sliding_window", u32(*config.sliding_window));
  }
  add_rope(config, prefix, metadata);
  if (!config.linear_attention) return;
  const LinearAttentionConfig& linear = *config.linear_attention;
  metadata.add_u32(prefix + "ssm.conv_kernel", u32(linear.conv_kernel));
  metadata.add_u32(prefix + "ssm.state_size", u32(linear.key_head_dim));
  metadata.add_u32(prefix + "ssm.group_count", u32(linear.num_key_heads));
  metadata.add_u32(prefix + "ssm.time_step_rank", u32(linear.num_value_heads));
  metadata.add_u32(prefix + "ssm.inner_size", u32(linear.num_value_heads * linear.value_head_dim));
  const auto full =
      std::find(config.layer_types.begin(), config.layer_types.end(), LayerType::full_attention);
  const auto interval = static_cast<int64_t>(full - config.layer_types.begin()) + 1;
  for (size_t i = 0; i < config.layer_types.size(); ++i) {
    const bool expected = static_cast<int64_t>(i + 1) % interval == 0;
    if (expected != (config.layer_types[i] == LayerType::full_attention)) {
      fail(ErrorCode::unsupported,
           "layer {} breaks the rhythm of attention layers, and a GGUF file of {} can only name "
           "one interval",
           i, architecture);
    }
  }
  metadata.add_u32(prefix + "full_attention_interval", u32(interval));
}

std::vector<float> rope_factors(const ModelConfig& config) {
  if (config.rope.type != RopeType::llama3) return {};
  RopeConfig plain = config.rope;
  plain.type = RopeType::standard;
  const auto scaled =
      rope_frequencies(config.rope, config.head_dim, config.max_position_embeddings, 0);
  const auto base = rope_frequencies(plain, config.head_dim, config.max_position_embeddings, 0);
  std::vector<float> factors(base.inv_freq.size());
  for (size_t i = 0; i < factors.size(); ++i) factors[i] = base.inv_freq[i] / scaled.inv_freq[i];
  return factors;
}

}  // namespace tarn::gguf
