#include "tarn/models/qwen3_5.h"

#include "tarn/models/blocks/attention.h"
#include "tarn/models/blocks/decoder.h"
#include "tarn/models/blocks/gated_delta_net.h"
#include "tarn/models/blocks/mlp.h"
#include "tarn/ops/elementwise.h"

namespace tarn {
namespace {

using blocks::Builder;

// Norm weights are stored as their distance from one; MLX's converter adds the one.
float norm_offset(Weights& weights, const ModelConfig& config) {
  for (size_t i = 0; i < config.layer_types.size(); ++i) {
    if (config.layer_types[i] != LayerType::linear_attention) continue;
    const std::string conv = "layers." + std::to_string(i) + ".linear_attn.conv1d.weight";
    return blocks::has_mlx_layout(weights, conv) ? 0.0F : 1.0F;
  }
  return 1.0F;
}

struct Layer {
  blocks::RmsNorm input_norm;
  std::optional<blocks::GatedDeltaNet> linear_attention;  // this one
  std::optional<blocks::Attention> attention;             // or that one
  blocks::RmsNorm post_attention_norm;
  blocks::Mlp mlp;

  Layer(const Builder& builder, const std::string& module, size_t index)
      : input_norm(builder, module + ".input_layernorm", builder.config.hidden_size,
                   norm_offset(builder.weights, builder.config)),
        post_attention_norm(builder, module + ".post_attention_layernorm",
                            builder.config.hidden_size,
                            norm_offset(builder.weights, builder.config)),
        mlp(builder, module + ".mlp") {
    if (builder.config.layer_types[index] == LayerType::linear_attention) {
      linear_attention.emplace(builder, module + ".linear_attn");
    } else {
      attention.emplace(builder, module + ".self_attn", index,
                        norm_offset(builder.weights, builder.config));
    }
  }

  array operator()(array x, const blocks::Sequences& sequences, size_t index) const {
    const array normed = input_norm(x);
    x = x + (linear_attention ? (*linear_attention)(normed, sequences, index)
                              : (*attention)(normed, sequences, index));
    return x + mlp(post_attention_norm(x));
  }
};

}  // namespace

std::unique_ptr<Model> make_qwen3_5(const ModelConfig& config, Weights& weights,
                                    const LoadOptions& options) {
  return std::make_unique<blocks::Decoder<Layer>>(config, weights, options,
                                                  norm_offset(weights, config));
}

}  // namespace tarn
