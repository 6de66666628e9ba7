// The metadata of a GGUF file from a model's configuration.
#pragma once

#include <string>

#include "tarn/io/gguf_writer.h"
#include "tarn/models/config.h"

namespace tarn::gguf {

// The keys that llama.cpp reads. `file_type`: its number for the most frequent tensor type.
// unsupported: a model that the format's architectures cannot describe.
void add_model(const ModelConfig& config, const std::string& name, uint32_t file_type,
               GgufMetadata& metadata);

// By how much each rotary frequency is divided, where the architecture wants that as a tensor
// ("rope_freqs.weight"); else empty.
std::vector<float> rope_factors(const ModelConfig& config);

}  // namespace tarn::gguf
