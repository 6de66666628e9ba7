// What becomes of each tensor of a checkpoint when it is quantized.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tarn/compress/recipe.h"
#include "tarn/io/checkpoint.h"
#include "tarn/models/config.h"
#include "tarn/quant/codec.h"

namespace tarn::compress {

struct PlannedTensor {
  const TensorInfo* info;
  std::string module;                   // the name without ".weight"; else the whole name
  std::optional<quant::Format> format;  // nothing: copied
  std::string reason;                   // why it is copied
  bool left_out = false;                // not written: nothing reads it
  bool by_rule = false;                 // a rule of the recipe decided
  bool misfit = false;    // the recipe asks for a format that cannot be: `reason` says why
  bool fallback = false;  // copied for that reason, since the user allows it
};

// Of a matrix whose weights are of this type, which its scales get where the format leaves it open.
std::shared_ptr<const quant::Codec> codec_of(const quant::Format& format, StorageType weights);

// Linear layers and embeddings of the text model are quantized: what MLX quantizes. Those that
// their format does not fit are marked. invalid_argument when a tensor is quantized already.
std::vector<PlannedTensor> plan_modules(const Checkpoint& checkpoint, const ModelConfig& config,
                                        const Recipe& recipe);

// What cannot be quantized as the recipe asks is kept when `allowed`; weights that are not finite
// count as such. Otherwise invalid_argument, naming the first module, the reason and the remedies.
void settle_misfits(std::vector<PlannedTensor>& plan, bool allowed);

// The path that mlx-lm gives the module when it loads this checkpoint.
std::string mlx_module_path(const std::string& module, const ModelConfig& config);

}  // namespace tarn::compress
