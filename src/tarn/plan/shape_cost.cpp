#include "tarn/plan/shape_cost.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tarn/models/cache.h"

namespace tarn::plan {
namespace {

constexpr double state_value_bytes = 4;
constexpr double window_slack = 512;  // tokens of a prompt's chunk, beyond the window

double real(int64_t count) { return static_cast<double>(count); }

class Counter {
 public:
  explicit Counter(const ModelConfig& config) : config_(config) {
    cost_.hidden_size = config.hidden_size;
    cost_.vocab_size = config.vocab_size;
    const bool tied = config.tie_word_embeddings;
    matrix("embed_tokens", config.vocab_size, config.hidden_size,
           tied ? MatrixUse::both : MatrixUse::embedding);
    if (!tied) matrix("lm_head", config.vocab_size, config.hidden_size, MatrixUse::head);
    cost_.vectors += real(config.hidden_size);  // the last norm
    for (size_t i = 0; i < config.layer_types.size(); ++i) {
      const std::string module = "layers." + std::to_string(i);
      cost_.vectors += 2 * real(config.hidden_size);
      if (config.layer_types[i] == LayerType::linear_attention) {
        gated_delta_net(module + ".linear_attn");
      } else {
        attention(module + ".self_attn", config.layer_types[i]);
      }
      mlp(module + ".mlp");
    }
  }

  ShapeCost take() { return std::move(cost_); }

 private:
  void matrix(std::string module, int64_t rows, int64_t columns, MatrixUse use, bool bias = false) {
    cost_.matrices.push_back({std::move(module), rows, columns, use});
    if (bias) cost_.vectors += real(rows);
  }
  void linear(std::string module, int64_t outputs, int64_t inputs, bool bias = false) {
    matrix(std::move(module), outputs, inputs, MatrixUse::layer, bias);
  }

  void attention(const std::string& module, LayerType type) {
    const int64_t q = config_.num_attention_heads * config_.head_dim;
    const int64_t kv = config_.num_key_value_heads * config_.head_dim;
    const int64_t q_rows = config_.attn_output_gate ? 2 * q : q;
    linear(module + ".q_proj", q_rows, config_.hidden_size, config_.qkv_bias);
    linear(module + ".k_proj", kv, config_.hidden_size, config_.qkv_bias);
    linear(module + ".v_proj", kv, config_.hidden_size, config_.qkv_bias);
    linear(module + ".o_proj", config_.hidden_size, q, config_.o_bias);
    if (config_.qk_norm) cost_.vectors += 2 * real(config_.head_dim);
    cost_.widest = std::max(cost_.widest, q_rows + 2 * kv);
    const bool sliding = type == LayerType::sliding_attention;
    cost_.attention.push_back({config_.num_attention_heads, config_.num_key_value_heads,
                               config_.head_dim, sliding ? config_.sliding_window.value_or(0) : 0});
  }

  void gated_delta_net(const std::string& module) {
    const LinearAttentionConfig& dims = config_.linear_attention.value();
    const int64_t key = dims.num_key_heads * dims.key_head_dim;
    const int64_t value = dims.num_value_heads * dims.value_head_dim;
    const int64_t channels = 2 * key + value;
    linear(module + ".in_proj_qkv", channels, config_.hidden_size);
    linear(module + ".in_proj_z", value, config_.hidden_size);
    linear(module + ".in_proj_b", dims.num_value_heads, config_.hidden_size);
    linear(module + ".in_proj_a", dims.num_value_heads, config_.hidden_size);
    linear(module + ".out_proj", config_.hidden_size, value);
    cost_.convolutions += real(channels) * real(dims.conv_kernel);
    cost_.vectors += 2 * real(dims.num_value_heads) + real(dims.value_head_dim);
    cost_.widest = std::max(cost_.widest, channels + value + 2 * dims.num_value_heads);
    cost_.recurrent.push_back(
        {dims.num_value_heads, dims.key_head_dim, dims.value_head_dim, channels, dims.conv_kernel});
  }

  void mlp(const std::string& module) {
    linear(module + ".gate_proj", config_.intermediate_size, config_.hidden_size, config_.mlp_bias);
    linear(module + ".up_proj", config_.intermediate_size, config_.hidden_size, config_.mlp_bias);
    linear(module + ".down_proj", config_.hidden_size, config_.intermediate_size, config_.mlp_bias);
    cost_.widest = std::max(cost_.widest, 2 * config_.intermediate_size);
  }

  const ModelConfig& config_;
  ShapeCost cost_;
};

// Sum over the positions p = first .. first + count - 1 of min(p + 1, window).
double positions_seen(double first, double count, int64_t window) {
  const auto up_to = [](double n) { return n * (n + 1) / 2; };  // 1 + 2 + ... + n
  const double end = first + count;
  if (window == 0) return up_to(end) - up_to(first);
  const double limit = real(window);
  const double growing_end = std::clamp(limit, first, end);
  return up_to(growing_end) - up_to(first) + (end - growing_end) * limit;
}

double kv_bytes_per_token(const AttentionLayer& layer, KvType type) {
  return 2 * real(layer.kv_heads) * real(kv_row_bytes(type, layer.head_dim));
}

}  // namespace

ShapeCost shape_cost(const ModelConfig& config) { return Counter(config).take(); }

double layer_parameters(const ShapeCost& cost) {
  double total = 0;
  for (const Matrix& m : cost.matrices) total += m.use == MatrixUse::layer ? m.size() : 0;
  return total;
}

double parameters(const ShapeCost& cost) {
  double total = cost.vectors + cost.convolutions;
  for (const Matrix& m : cost.matrices) total += m.size();
  return total;
}

double attention_macs(const ShapeCost& cost, double first, double count) {
  double total = 0;
  for (const AttentionLayer& layer : cost.attention) {
    total +=
        2 * real(layer.heads) * real(layer.head_dim) * positions_seen(first, count, layer.window);
  }
  return total;
}

double recurrent_macs(const ShapeCost& cost) {
  // Of each state value: it decays, is read by the key, written, and read by the query.
  constexpr double macs_per_value = 4;
  double total = 0;
  for (const RecurrentLayer& layer : cost.recurrent) {
    total += macs_per_value * real(layer.value_heads) * real(layer.key_head_dim) *
             real(layer.value_head_dim);
    total += real(layer.conv_channels) * real(layer.conv_taps);
  }
  return total;
}

double kv_bytes(const ShapeCost& cost, KvType type, double context) {
  double total = 0;
  for (const AttentionLayer& layer : cost.attention) {
    const double tokens = layer.window > 0 ? std::min(context, real(layer.window)) : context;
    total += tokens * kv_bytes_per_token(layer, type);
  }
  return total;
}

double kv_capacity_bytes(const ShapeCost& cost, KvType type, double context) {
  constexpr auto block = static_cast<double>(KvCache::kv_block);
  double total = 0;
  for (const AttentionLayer& layer : cost.attention) {
    // A cache that knows how long its sequence becomes has half a block to spare.
    const double tokens = layer.window > 0 ? std::min(context, real(layer.window) + window_slack)
                                           : context + block / 2;
    total += std::ceil(tokens / block) * block * kv_bytes_per_token(layer, type);
  }
  return total;
}

double state_bytes(const ShapeCost& cost) {
  double values = 0;
  for (const RecurrentLayer& layer : cost.recurrent) {
    values += real(layer.value_heads) * real(layer.key_head_dim) * real(layer.value_head_dim);
    values += real(layer.conv_channels) * real(layer.conv_taps - 1);
  }
  return values * state_value_bytes;
}

}  // namespace tarn::plan
