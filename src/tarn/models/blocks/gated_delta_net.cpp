#include "tarn/models/blocks/gated_delta_net.h"

#include <cmath>

#include "tarn/base/error.h"
#include "tarn/memory/pool.h"
#include "tarn/ops/elementwise.h"
#include "tarn/ops/recurrent.h"
#include "tarn/ops/shape.h"

namespace tarn::blocks {
namespace {

// [channels, 1, taps] in Hugging Face's layout, [channels, taps, 1] in MLX's; both are these bytes.
// Turned once here to lie tap by tap, as the convolution reads it.
array load_conv(const Builder& builder, const std::string& name, int64_t channels, int64_t taps) {
  const array stored = builder.weights.get(name);
  const bool known = stored.shape() == Shape{channels, 1, taps} ||
                     stored.shape() == Shape{channels, taps, 1} ||
                     stored.shape() == Shape{channels, taps};
  if (!known) {
    fail(ErrorCode::corrupt, "tensor \"{}\" has shape {}, config.json asks for ({}, 1, {})", name,
         to_string(stored.shape()), channels, taps);
  }
  builder.weights.count_parameters(stored.size());
  const array by_tap = contiguous(swapaxes(reshape(stored, {channels, taps}), 0, 1));
  eval({by_tap});
  return swapaxes(by_tap, 0, 1);
}

}  // namespace

bool has_mlx_layout(Weights& weights, const std::string& conv_name) {
  const array stored = weights.get(conv_name);
  return stored.ndim() == 3 && stored.shape(2) == 1 && stored.shape(1) > 1;
}

GatedDeltaNet::GatedDeltaNet(const Builder& builder, const std::string& module)
    : dims_(builder.config.linear_attention.value()),
      key_width_(dims_.num_key_heads * dims_.key_head_dim),
      value_width_(dims_.num_value_heads * dims_.value_head_dim),
      in_proj_qkv_(builder, module + ".in_proj_qkv", 2 * key_width_ + value_width_,
                   builder.config.hidden_size, false),
      in_proj_z_(builder, module + ".in_proj_z", value_width_, builder.config.hidden_size, false),
      in_proj_b_(builder, module + ".in_proj_b", dims_.num_value_heads, builder.config.hidden_size,
                 false),
      in_proj_a_(builder, module + ".in_proj_a", dims_.num_value_heads, builder.config.hidden_size,
                 false),
      out_proj_(builder, module + ".out_proj", builder.config.hidden_size, value_width_, false),
      conv_weight_(load_conv(builder, module + ".conv1d.weight", 2 * key_width_ + value_width_,
                             dims_.conv_kernel)),
      a_log_(builder.weights.get_f32(module + ".A_log", {dims_.num_value_heads})),
      dt_bias_(builder.weights.get_f32(module + ".dt_bias", {dims_.num_value_heads})),
      norm_(builder, module + ".norm", dims_.value_head_dim) {}

array GatedDeltaNet::operator()(const array& x, const Sequences& sequences, size_t layer) const {
  const int64_t tokens = x.shape(1);
  const auto split_heads = [&](const array& a, int64_t count) {
    return reshape(a, {1, tokens, count, -1});  // [1, T, H, D]
  };
  // Key heads by value head, where they stand in another order than the operation repeats them in.
  const auto for_values = [&](const array& a) {
    const int64_t times = dims_.num_value_heads / dims_.num_key_heads;
    if (!dims_.tiled_value_heads || times == 1) return a;
    const Shape tiled = {1, tokens, times, dims_.num_key_heads, dims_.key_head_dim};
    return split_heads(broadcast_to(expand_dims(a, 2), tiled), dims_.num_value_heads);
  };
  const std::vector<array> in =
      Linear::together(x, {&in_proj_qkv_, &in_proj_z_, &in_proj_a_, &in_proj_b_});
  const array& z = in[1];
  const DeltaGates gates = delta_gates(in[2], in[3], a_log_, dt_bias_);

  const array mixed = sequences.each(tokens, [&](size_t s, int64_t start, int64_t stop) {
    RecurrentCache& cache = sequences.caches[s]->recurrent(layer);
    const WithState result =
        causal_conv1d(slice(in[0], 1, start, stop), conv_weight_, std::nullopt, cache.conv, true);
    cache.conv = result.state;
    return result.output;
  });
  const std::vector<array> qkv = split(mixed, {key_width_, 2 * key_width_}, 2);
  constexpr float eps = 1e-6F;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dims_.key_head_dim));
  const array q = for_values(l2_norm(split_heads(qkv[0], dims_.num_key_heads), eps, scale));
  const array k = for_values(l2_norm(split_heads(qkv[1], dims_.num_key_heads), eps));
  const array v = split_heads(qkv[2], dims_.num_value_heads);

  const array read = sequences.each(tokens, [&](size_t s, int64_t start, int64_t stop) {
    const auto part = [&](const array& a) { return slice(a, 1, start, stop); };
    RecurrentCache& cache = sequences.caches[s]->recurrent(layer);
    const WithState result =
        gated_delta(part(q), part(k), part(v), part(gates.g), part(gates.beta), cache.state);
    cache.state = result.state;
    return result.output;
  });
  const array y = norm_.gated(read, split_heads(z, dims_.num_value_heads));
  return out_proj_(reshape(y, {1, tokens, value_width_}));
}

}  // namespace tarn::blocks
