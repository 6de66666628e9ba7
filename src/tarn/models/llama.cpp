#include "tarn/models/llama.h"

#include "tarn/models/blocks/attention.h"
#include "tarn/models/blocks/decoder.h"
#include "tarn/models/blocks/mlp.h"
#include "tarn/ops/elementwise.h"

namespace tarn {
namespace {

using blocks::Builder;

struct Layer {
  blocks::RmsNorm input_norm;
  blocks::Attention attention;
  blocks::RmsNorm post_attention_norm;
  blocks::Mlp mlp;

  Layer(const Builder& builder, const std::string& module, size_t index)
      : input_norm(builder, module + ".input_layernorm", builder.config.hidden_size),
        attention(builder, module + ".self_attn", index),
        post_attention_norm(builder, module + ".post_attention_layernorm",
                            builder.config.hidden_size),
        mlp(builder, module + ".mlp") {}

  array operator()(array x, const blocks::Sequences& sequences, size_t index) const {
    x = x + attention(input_norm(x), sequences, index);
    return x + mlp(post_attention_norm(x));
  }
};

}  // namespace

std::unique_ptr<Model> make_llama(const ModelConfig& config, Weights& weights,
                                  const LoadOptions& options) {
  return std::make_unique<blocks::Decoder<Layer>>(config, weights, options);
}

}  // namespace tarn
