// Qwen3.5: gated delta net layers with gated full attention in between, dense feed-forward blocks.
#pragma once

#include <memory>

#include "tarn/models/model.h"
#include "tarn/models/weights.h"

namespace tarn {

std::unique_ptr<Model> make_qwen3_5(const ModelConfig& config, Weights& weights,
                                    const LoadOptions& options);

}  // namespace tarn
