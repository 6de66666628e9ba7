// llama and the families that differ from it by config alone: mistral (sliding window), qwen2
// (biases), qwen3 (normalized queries and keys).
#pragma once

#include <memory>

#include "tarn/models/model.h"
#include "tarn/models/weights.h"

namespace tarn {

std::unique_ptr<Model> make_llama(const ModelConfig& config, Weights& weights,
                                  const LoadOptions& options);

}  // namespace tarn
