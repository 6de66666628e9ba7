// The parts of config.json that have a shape of their own. Internal to the folder.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "tarn/models/config.h"
#include "tarn/models/config_families.h"
#include "tarn/models/json_fields.h"

namespace tarn {

// Rope of full and of sliding attention layers, from "rope_parameters" (flat, or an object for each
// layer type) or the older "rope_scaling", "rope_theta", "partial_rotary_factor".
struct LayerRopes {
  RopeConfig full;
  RopeConfig sliding;
};
LayerRopes parse_rope(const JsonFields& config, const FamilyTraits& family, int64_t head_dim,
                      int64_t max_position);

// "quantization" as MLX writes it, or "quantization_config" with a "quant_method"
// (models/published_quantization.h); nullopt if the model is not quantized.
std::optional<QuantizationConfig> parse_quantization(const JsonFields& document);

}  // namespace tarn
