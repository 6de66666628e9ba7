#include "tarn/models/blocks/decoder.h"

#include "tarn/base/error.h"
#include "tarn/io/storage_type.h"

namespace tarn::blocks {

Cache make_decoder_cache(const ModelConfig& config, KvType kv_type) {
  std::vector<LayerCache> layers;
  for (const LayerType type : config.layer_types) {
    switch (type) {
      case LayerType::linear_attention:
        layers.emplace_back(RecurrentCache{});
        break;
      case LayerType::sliding_attention:
        layers.emplace_back(KvCache(config.sliding_window.value_or(0), kv_type));
        break;
      default:
        layers.emplace_back(KvCache(0, kv_type));
    }
  }
  return Cache(std::move(layers));
}

array token_array(const std::vector<int32_t>& tokens, int64_t vocab_size) {
  if (tokens.empty()) fail(ErrorCode::invalid_argument, "model: no tokens given");
  for (const int32_t token : tokens) {
    if (token < 0 || token >= vocab_size) {
      fail(ErrorCode::invalid_argument, "model: token id {} is outside the vocabulary of {}", token,
           vocab_size);
    }
  }
  return {tokens, {1, static_cast<int64_t>(tokens.size())}};
}

bool rope_depends_on_length(const ModelConfig& config) {
  return tarn::rope_depends_on_length(config.rope) ||
         tarn::rope_depends_on_length(config.sliding_rope);
}

std::string describe_format(const ModelConfig& config) {
  if (!config.quantization) {
    return config.dtype ? std::string(storage_type_name(*config.dtype)) : "dense";
  }
  const quant::Format& format = config.quantization->format;
  const bool mixed = !config.quantization->overrides.empty();
  const std::string name = format.mode == quant::FormatMode::affine
                               ? fmt::format("affine {}-bit g{}", format.bits, format.group_size)
                               : format_text(format);
  return name + (mixed ? ", mixed" : "");
}

}  // namespace tarn::blocks
